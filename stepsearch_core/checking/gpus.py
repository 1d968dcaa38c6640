"""The GPUs of this machine as NVIDIA's own tool lists them, whether or not torch could use them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

_PATIENCE = 10.0
"""Seconds; without persistence mode the driver begins anew with every call."""
_QUERY = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: its name, memory in bytes (None of one that shares the main memory), the driver's version."""

    name: str
    memory: int | None
    driver: str


class ToolError(RuntimeError):
    """nvidia-smi is there and fails; says what it says."""


def gpus_here() -> int:
    """GPUs of this machine that a process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible == "":
        return 0
    try:
        listed = _ask("--list-gpus")
    except ToolError:
        return 0
    count = sum(line.startswith("GPU ") for line in listed.splitlines())
    return count if visible is None else min(count, len(visible.split(",")))


def listed_gpus() -> list[Gpu]:
    """All GPUs, also those that CUDA_VISIBLE_DEVICES hides; none without the tool.

    Raises:
        ToolError: the tool fails, as it does where the driver's parts are of several versions.
    """
    rows = [line.split(", ") for line in _ask(*_QUERY).splitlines()]
    return [Gpu(name, int(size) << 20 if size.isdecimal() else None, driver) for name, size, driver in rows]


def driver_cuda() -> str | None:
    """The newest CUDA that the driver takes (`12.8`), or None where the tool does not say.

    Raises:
        ToolError: the tool fails.
    """
    found = re.search(r"CUDA Version\s*:\s*([\d.]+)", _ask())
    return found[1] if found else None


def _ask(*options: str) -> str:
    """What the tool prints; nothing where it is not installed."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    try:
        done = subprocess.run([tool, *options], capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"nvidia-smi does not answer: {error}") from None
    if done.returncode:
        raise ToolError(f"nvidia-smi fails: {' '.join((done.stdout + done.stderr).split())[:200]}")
    return done.stdout
