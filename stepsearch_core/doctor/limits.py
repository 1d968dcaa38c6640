"""What the system allows: threads and cores, a container's share, shared memory, open files, folders."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.checking.disk import existing
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.gpus import gpus_here
from stepsearch_core.doctor.here import Here
from stepsearch_core.runtime.allowance import cores, memory

SHARED = Path("/dev/shm")
LEAST_SHARED = 1e9
"""Bytes of shared memory for ranks that exchange tensors: a container has 64 MB unless told otherwise."""
LEAST_FILES = 1024
"""Open files: a rank with its loader, index parts and connections has some hundreds."""
LEAST_DISK = 2e9
"""Bytes: the default profile writes less than one GB, and pip's wheels pass through as well."""


def check_threads(here: Here) -> Iterator[Finding]:
    """Threads of all processes fit the cores."""
    set_to, available = os.environ.get("OMP_NUM_THREADS", ""), cores()
    threads = int(set_to) if set_to.isdecimal() else (os.cpu_count() or 1)
    if set_to and not set_to.isdecimal():
        problem = f"{set_to!r} is no number of threads"
    elif set_to and threads > available:
        problem = f"{threads} threads on {available} cores wait for each other"
    elif not set_to and threads > available:
        problem = f"unset: libraries start {threads} threads, and {available} cores are allowed"
    else:
        return
    yield Finding(Severity.WARNING, "OMP_NUM_THREADS", "", problem, f"export OMP_NUM_THREADS={available}")


def check_container(here: Here) -> Iterator[Finding]:
    """A container's limit of memory is one that libraries do not see."""
    total, allowed = psutil.virtual_memory().total, memory()
    if allowed < 0.95 * total:
        problem = f"this container may use {gigabytes(allowed)} of the machine's {gigabytes(total)}"
        remedy = "`stepsearch plan` says what a profile needs: start the container with as much"
        yield Finding(Severity.NOTE, "memory", "", problem, remedy)


def check_shared_memory(here: Here) -> Iterator[Finding]:
    """Ranks on GPUs have room for what they exchange."""
    if not SHARED.is_dir() or here.processes == 1 or not here.gpus:
        return
    size = shutil.disk_usage(SHARED).total
    if size < LEAST_SHARED:
        problem = f"{size / 1e6:.0f} MB, and {here.processes} processes exchange tensors there"
        remedy = "start the container with --shm-size=8g or --ipc=host"
        yield Finding(Severity.WARNING, str(SHARED), "", problem, remedy)


def check_files(here: Here) -> Iterator[Finding]:
    """Enough files may be open at once."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_FILES:
        more = min(4096, most) if most != resource.RLIM_INFINITY else 4096
        problem = f"{allowed} files may be open at once"
        yield Finding(Severity.WARNING, "open files", "", problem, f"ulimit -n {more}")


def check_folders(here: Here) -> Iterator[Finding]:
    """What is downloaded, compiled and written has a folder that can be written, with room."""
    hub = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    places = {
        "HF_HOME": (hub, "export HF_HOME=FOLDER, for models and data sets of the hub"),
        "HOME": (Path.home() / ".cache", "export HOME=FOLDER, where compiled kernels are kept"),
        "TMPDIR": (Path(tempfile.gettempdir()), "export TMPDIR=FOLDER"),
        "this folder": (Path.cwd(), "work in a folder of your own"),
    }
    for name, (place, remedy) in places.items():
        folder = existing(place)
        if not os.access(folder, os.W_OK | os.X_OK):
            yield Finding(Severity.ERROR, name, "", f"{folder} cannot be written", remedy)
        elif (free := shutil.disk_usage(folder).free) < LEAST_DISK:
            problem = f"{gigabytes(free)} are free at {folder}"
            yield Finding(Severity.WARNING, name, "", problem, f"free space, or {remedy}")


def check_hidden(here: Here) -> Iterator[Finding]:
    """The GPUs of this machine can be asked, and are not hidden."""
    count = len(here.gpus)
    if here.tool_problem:
        remedy = "load the driver that is installed: reboot, or `sudo modprobe nvidia`"
        yield Finding(Severity.ERROR, "driver", "", here.tool_problem, remedy)
    elif count and not gpus_here():
        problem = f"hides all {count} GPUs of this machine"
        yield Finding(Severity.NOTE, "CUDA_VISIBLE_DEVICES", "", problem, "unset CUDA_VISIBLE_DEVICES")
