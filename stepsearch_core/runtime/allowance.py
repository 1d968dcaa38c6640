"""What of the machine this process may use: cores and main memory, in a container too."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use: of the machine, its affinity, and what a container allows."""
    allowed = len(os.sched_getaffinity(0))
    quota, _, period = _cgroup("cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    return allowed


def memory() -> int:
    """Bytes of main memory that this process may use: the machine's, or what a container allows."""
    total, limit = psutil.virtual_memory().total, _cgroup("memory.max")
    return min(total, int(limit)) if limit.isdecimal() else total


def _cgroup(name: str) -> str:
    try:
        return (CGROUP / name).read_text(encoding="ascii").strip()
    except OSError:  # none, or the first version of them
        return ""
