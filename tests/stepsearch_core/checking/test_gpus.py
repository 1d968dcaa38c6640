"""NVIDIA's tool is a script that prints what the real one does."""

import pytest

from stepsearch_core.checking import gpus


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a tool onto the path that runs these lines."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def place(lines):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return place


def test_gpus_are_counted_by_their_own_tool(tool, tmp_path, monkeypatch):
    tool("echo 'GPU 0: H100 (UUID: a)'\necho 'GPU 1: H100 (UUID: b)'")
    assert gpus.gpus_here() == 2
    for visible, count in (("", 0), ("1", 1), ("0,1", 2)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus.gpus_here() == count
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert gpus.gpus_here() == 0


def test_what_the_tool_says_of_each_gpu_and_of_the_driver(tool):
    tool(
        """case "$1" in
        --query*) echo 'NVIDIA H200, 143771, 570.86.15'; echo 'NVIDIA GB10, [N/A], 570.86.15';;
        *) echo '| NVIDIA-SMI 570.86.15    Driver Version: 570.86.15    CUDA Version: 12.8     |';;
        esac"""
    )
    assert gpus.listed_gpus() == [
        gpus.Gpu("NVIDIA H200", 143771 * 2**20, "570.86.15"),
        gpus.Gpu("NVIDIA GB10", None, "570.86.15"),
    ]
    assert gpus.driver_cuda() == "12.8"


def test_a_tool_that_fails_is_no_machine_without_gpus(tool):
    tool("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    assert gpus.gpus_here() == 0
    with pytest.raises(gpus.ToolError, match="Driver/library version mismatch"):
        gpus.listed_gpus()


def test_without_the_tool_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (gpus.listed_gpus(), gpus.driver_cuda()) == ([], None)
