import os
import resource
import shutil
from collections import namedtuple

import pytest

from stepsearch_core.doctor import limits

Disk = namedtuple("Disk", "total used free")


def said(check, here):
    return [str(finding) for finding in check(here)]


def test_a_container_s_memory_is_a_note(container, machine):
    container("max 100000", "max")
    assert said(limits.check_container, machine()) == []
    container("max 100000", 10**9)
    assert said(limits.check_container, machine())[0].startswith(
        "note: memory: this container may use 1.0 GB of the machine's"
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("64", "64 threads on 4 cores wait for each other"),
        ("many", "'many' is no number of threads"),
        (None, "unset: libraries start 32 threads, and 4 cores are allowed"),
        ("4", None),
        ("1", None),
    ],
)
def test_more_threads_than_cores(container, machine, monkeypatch, value, problem):
    container("400000 100000", "max")
    if value is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    wanted = f"warning: OMP_NUM_THREADS: {problem} -> export OMP_NUM_THREADS=4"
    assert said(limits.check_threads, machine()) == ([wanted] if problem else [])


def test_open_files(machine):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        (line,) = said(limits.check_files, machine())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert line == "warning: open files: 512 files may be open at once -> ulimit -n 4096"


@pytest.mark.slow
def test_shared_memory_counts_for_several_processes_on_gpus(machine, gpus, micro_params, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Disk(64 << 20, 0, 10**12))
    gpus(2)
    assert said(limits.check_shared_memory, machine(micro_params())) == []
    (line,) = said(limits.check_shared_memory, machine(micro_params("train.processes=2")))
    assert line.startswith("warning: /dev/shm: 67 MB, and 2 processes exchange tensors there -> start")


def test_folders_that_cannot_be_written_or_are_full(machine, tmp_path, monkeypatch):
    for name in ("HOME", "HF_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert said(limits.check_folders, machine()) == []
    monkeypatch.setattr(os, "access", lambda place, mode: "HF_HOME" not in str(place))
    (tmp_path / "HF_HOME").mkdir()
    (line,) = said(limits.check_folders, machine())
    assert line.startswith(f"error: HF_HOME: {tmp_path}/HF_HOME cannot be written -> export HF_HOME=FOLDER")
    monkeypatch.setattr(os, "access", lambda place, mode: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Disk(10**12, 0, 10**8))
    assert all("0.1 GB are free at" in line for line in said(limits.check_folders, machine()))


def test_gpus_that_are_hidden_or_do_not_answer(machine, gpus, tmp_path, monkeypatch):
    assert said(limits.check_hidden, machine()) == []
    gpus(2)
    assert said(limits.check_hidden, machine()) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (line,) = said(limits.check_hidden, machine())
    assert line == (
        "note: CUDA_VISIBLE_DEVICES: hides all 2 GPUs of this machine -> unset CUDA_VISIBLE_DEVICES"
    )
    (tmp_path / "bin" / "nvidia-smi").write_text(
        "#!/bin/sh\necho Driver/library version mismatch\nexit 18\n"
    )
    (line,) = said(limits.check_hidden, machine())
    assert line.startswith("error: driver: nvidia-smi fails: Driver/library version mismatch -> load the")
