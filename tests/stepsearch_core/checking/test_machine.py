import shutil
from collections import namedtuple

import psutil
import pytest

from stepsearch_core.checking import machine

Memory = namedtuple("Memory", "total available")
Disk = namedtuple("Disk", "total used free")


def test_what_does_not_fit_the_hardware_that_is_named(look):
    seen = look("hardware.disk_gb=0.001")
    assert seen.status == 1
    assert "override hardware.disk_gb=0.001: hardware.disk_gb: does not fit: disk:" in seen.findings[0]
    seen = look("train.processes=3", "hardware.gpus=2", "hardware.gpu_memory_gb=80")
    assert any("hardware.gpus: 3 processes need as many GPUs; there are 2" in line for line in seen.findings)


@pytest.mark.slow
def test_packages_that_are_not_installed(look, monkeypatch):
    real = machine.find_spec
    missing = {"vllm", "wandb", "tensorboard", "faiss", "liger_kernel", "triton"}
    monkeypatch.setattr(machine, "find_spec", lambda name: None if name in missing else real(name))
    seen = look(
        "rollout.engine=vllm", "train.log_probs=liger", "watch.trackers=[dvclive, wandb, tensorboard]"
    )
    assert seen.status == 1
    for words in (
        "vLLM is not installed",
        "train.log_probs: liger-kernel and triton not installed here -> pip install",
        "wandb is not installed",
        "tensorboard is not installed",
        "FAISS is not",
    ):
        assert any(words in line for line in seen.findings), words


@pytest.mark.parametrize(("here", "status"), [(0, 0), (1, 1), (4, 0)])
def test_gpus_that_are_planned_for(look, monkeypatch, here, status):
    monkeypatch.setattr(machine, "gpus_here", lambda: here)
    seen = look("hardware.gpus=4", "hardware.gpu_memory_gb=80", "train.processes=2")
    assert seen.status == status
    assert any(f"4 GPUs are planned for, {here} are here" in line for line in seen.findings) == (here < 4)
    assert any(f"2 processes on {here} GPUs" in line for line in seen.findings) == (here == 1)


@pytest.mark.parametrize(("machines", "status"), [(1, 1), (2, 0)])
def test_processes_are_shared_by_machines(look, monkeypatch, machines, status):
    monkeypatch.setattr(machine, "gpus_here", lambda: 4)
    numbers = ("train.processes=8", "hardware.gpus=4", f"hardware.machines={machines}")
    seen = look(*numbers, "hardware.gpu_memory_gb=80")
    assert seen.status == status
    assert any("8 processes on 4 GPUs" in line for line in seen.findings) == (machines == 1)


def test_main_memory(look, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(10**12, 10**6))
    seen = look()
    assert seen.status == 0
    assert "are free now -> end what else runs here" in seen.findings[0]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(10**6, 10**6))
    seen = look()
    assert seen.status == 1
    assert any("of main memory are needed, this machine has 0.0 GB" in line for line in seen.findings)


def test_disk_counts_what_is_there_already(look, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(10**12, 0, 10**6))
    seen = look()
    assert seen.status == 1
    said = f"will be written below {tmp_path}, where 0.0 GB are free"
    assert any(said in line for line in seen.findings)
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "policy").open("wb") as file:
        file.truncate(10**9)
    assert look().status == 0
