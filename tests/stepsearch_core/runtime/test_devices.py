"""Every rank has a device of its own, and nobody names another."""

import ast

import pytest

from stepsearch_core.runtime.devices import DeviceError, device_of, own_device, own_gpu
from tests.import_graph import ROOT, own_sources


def test_each_rank_has_the_gpu_of_its_number():
    assert [device_of(rank, 4) for rank in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert [device_of(rank, 0) for rank in range(4)] == ["cpu"] * 4


def test_a_rank_without_a_gpu_is_told_so():
    with pytest.raises(DeviceError, match="process 3 on this machine has no GPU: 2 are visible"):
        device_of(2, 2)


def test_the_own_gpu_s_number_is_the_rank_s(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert own_gpu(2) == 1
    with pytest.raises(DeviceError, match="process 2 on this machine has no GPU: 1 are visible"):
        own_gpu(1)


def test_without_a_gpu_the_own_device_is_the_processor():
    import torch

    if not torch.cuda.is_available():
        assert own_device() == "cpu"


def declares_choices(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "one_of"


def named_devices(tree):
    """Lines with a text that names GPUs; to compare a kind of device with one is no naming, nor is to
    declare which kinds a parameter may have.
    """
    kinds = (node for node in ast.walk(tree) if isinstance(node, ast.Compare) or declares_choices(node))
    compared = {part for node in kinds for part in ast.walk(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or node in compared:
            continue
        if node.value == "cuda" or node.value.startswith("cuda:"):
            yield node.lineno


@pytest.mark.slow
def test_nobody_else_names_a_gpu():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in own_sources()
        if path.name != "devices.py"
        for line in named_devices(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not found
    assert list(named_devices(ast.parse('model.to("cuda" if gpus else "cpu")'))) == [1]


def test_a_stage_s_process_takes_its_device_before_it_works():
    tree = ast.parse((ROOT / "tasks" / "launch.py").read_text(encoding="utf-8"))
    working = [
        [
            node.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
    ]
    working = [
        [name for name in calls if name in ("work", "take_device")] for calls in working if "work" in calls
    ]
    assert working == [["take_device", "work"]] * 2
