"""What the machine is and what is installed, a line each: what everybody asks first."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import psutil

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.doctor.here import Here
from stepsearch_core.runtime.allowance import cores, memory
from stepsearch_core.runtime.software import versions


def facts(here: Here) -> dict[str, str]:
    """Names and values, in the order in which they are read."""
    found = versions()
    python = found.pop("python")
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    profile = f"{here.params.profile} ({here.path})" if here.params else f"none at {here.path}"
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": python,
        "torch": _torch(here),
        "GPUs": _gpus(here),
        "faiss": _faiss(here),
        "packages": ", ".join(f"{name} {version}" for name, version in found.items()),
        "cores": f"{cores()} of {os.cpu_count()}, OMP_NUM_THREADS {threads}",
        "memory": f"{gigabytes(memory())}, {gigabytes(psutil.virtual_memory().available)} free now",
        "disk": f"{gigabytes(shutil.disk_usage(Path.cwd()).free)} free here",
        "profile": profile,
        "stages done": ", ".join(here.done) or "none",
    }


def _torch(here: Here) -> str:
    ending = here.ending("torch")
    if ending is None or ending.failed:
        return "cannot be imported" if "torch" in here.installed else "not installed"
    told = ending.value
    built = f"CUDA {told['cuda_version']}" if told["cuda_version"] else "CPUs alone"
    return f"{told['version']}, built for {built}, sees {told['gpus']} GPUs, threads: {told['threads']}"


def _gpus(here: Here) -> str:
    if here.tool_problem or not here.gpus:
        return here.tool_problem or "none that nvidia-smi lists"
    named = [f"{gpu.name}{f' {gigabytes(gpu.memory)}' if gpu.memory else ''}" for gpu in here.gpus]
    driver = f"driver {here.gpus[0].driver}, which takes CUDA {here.driver_cuda or 'unknown'}"
    return f"{', '.join(named)}; {driver}"


def _faiss(here: Here) -> str:
    ending = here.ending("faiss")
    if ending is None or ending.failed:
        return "cannot be imported" if ending else "not installed"
    told = ending.value
    return f"{told['version']}, " + (
        "without GPU support" if told["gpus"] is None else f"sees {told['gpus']} GPUs"
    )
