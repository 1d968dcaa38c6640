import sys

from packaging.requirements import Requirement

from stepsearch_core.doctor.here import pip, plain
from stepsearch_core.params.stages import LOOKED_AT


def test_what_is_required_comes_from_the_project_s_own_metadata(machine):
    here = machine()
    names = {requirement.name for requirement in here.extras[""]}
    assert {"torch", "transformers", "deepspeed"} <= names
    assert "vllm" not in names
    assert {"faiss-gpu", "vllm"} <= {requirement.name for requirement in here.extras["gpu"]}
    assert here.requirement("vllm") == "'vllm==0.32.0'"
    assert here.requirement("numba") == "numba"


def test_the_next_stage_is_the_first_without_a_folder(machine, tmp_path):
    here = machine()
    assert (here.done, here.next_stage) == ([], "fetch")
    for stage in ("fetch", "corpus", "train"):
        (tmp_path / "data" / stage).mkdir(parents=True)
    here = machine()
    assert (here.done, here.next_stage) == (["fetch", "corpus", "train"], "index")
    for stage in LOOKED_AT:
        (tmp_path / "data" / stage).mkdir(exist_ok=True)
    assert machine().next_stage == LOOKED_AT[-1]


def test_the_most_processes_of_a_stage(machine, micro_params):
    assert machine().processes == 1
    assert machine(micro_params("index.processes=2", "train.processes=3")).processes == 3


def test_commands_for_pip(monkeypatch):
    assert plain(Requirement("torch>=2.11; extra == 'cpu'")) == "torch>=2.11"
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    assert pip("check") == "python3.11 -m pip check"
