"""What the doctor asks in processes of their own: native code of a damaged environment can end a process."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BESIDE_TORCH = ("torchvision", "torchaudio", "torchcodec")
"""Packages with native code for one build of torch; transformers and vLLM import what they find of them."""


def torch_facts() -> dict[str, Any]:
    """What torch says of itself and of the GPUs; `problem` is why it cannot use one."""
    import torch

    facts: dict[str, Any] = {
        "version": torch.__version__,
        "cuda_version": torch.version.cuda,
        "gpus": 0,
        "problem": "",
        "threads": torch.get_num_threads(),
    }
    if torch.version.cuda:
        try:
            torch.cuda.init()
            facts["gpus"] = torch.cuda.device_count()
            facts["unsupported"] = _unsupported()
        except (RuntimeError, AssertionError) as error:
            facts["problem"] = " ".join(str(error).split())[:300]
    facts["beside"] = {name: reason for name in BESIDE_TORCH if (reason := import_problem(name))}
    return facts


def _unsupported() -> str:
    """The name of the first GPU that this torch has no kernels for, or nothing."""
    import torch

    built_for = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(number)
        same_major = any(arch.startswith((f"sm_{major}", f"compute_{major}")) for arch in built_for)
        if built_for and not same_major:
            return f"{torch.cuda.get_device_name(number)} (sm_{major}{minor})"
    return ""


def faiss_facts() -> dict[str, Any]:
    """The version of FAISS, and how many GPUs it sees; None for one that is built without them."""
    import faiss

    on_gpu = hasattr(faiss, "StandardGpuResources")
    return {"version": faiss.__version__, "gpus": faiss.get_num_gpus() if on_gpu else None}


def import_problem(name: str) -> str:
    """Why a package that is installed cannot be imported; nothing if it can, or is not there."""
    if find_spec(name) is None:
        return ""
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def profile_findings(params: str, start: str, data: str) -> list[dict[str, Any]]:
    """What `stepsearch check` finds about a parameter file before the stage `start`."""
    from stepsearch_core.checking.check import check

    return [asdict(finding) for finding in check(Path(params), (), start, Path(data))]
