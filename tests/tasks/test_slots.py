import pytest

from tasks import slots as slots_module
from tasks.slots import slots
from tests.profiles import profile

TINY = profile("tiny")


@pytest.fixture
def machine(monkeypatch):
    """So many cores and GB."""

    def have(cores, gigabytes):
        monkeypatch.setattr(slots_module, "cores", lambda: cores)
        monkeypatch.setattr(slots_module, "memory", lambda: int(gigabytes * 1e9))

    return have


def test_without_gpus_each_run_has_cores_of_its_own(machine):
    machine(8, 64)
    assert slots([TINY] * 20, gpus=[]) == [{"OMP_NUM_THREADS": "1"}] * 8
    assert slots([TINY] * 20, at_most=2, gpus=[]) == [{"OMP_NUM_THREADS": "4"}] * 2
    assert slots([TINY] * 3, gpus=[]) == [{"OMP_NUM_THREADS": "2"}] * 3


def test_runs_of_several_processes_take_as_many_cores(machine):
    machine(8, 64)
    pairs = [profile("tiny", "train.processes=2")] * 20
    assert slots(pairs, gpus=[]) == [{"OMP_NUM_THREADS": "1"}] * 4


def test_memory_bounds_how_many_run_but_one_always_does(machine):
    machine(64, 8)
    few = len(slots([TINY] * 64, gpus=[]))
    assert 1 <= few < 16  # a run plans for more than half a GB
    machine(64, 0.1)
    assert len(slots([TINY], gpus=[])) == 1


def test_with_gpus_each_run_has_its_own():
    assert slots([TINY] * 9, gpus=["0", "1"]) == [
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "1"},
    ]
    wide = [profile("tiny", "train.processes=2")]
    names = ["4", "5", "6"]
    assert slots(wide, gpus=names) == [{"CUDA_VISIBLE_DEVICES": "4,5"}]  # what is left over idles
    assert slots([TINY] * 9, at_most=1, gpus=names) == [{"CUDA_VISIBLE_DEVICES": "4"}]


def test_nothing_takes_no_place():
    assert slots([], gpus=[]) == []
