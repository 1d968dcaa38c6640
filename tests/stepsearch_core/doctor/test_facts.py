import pytest
import torch

from stepsearch_core.doctor.facts import facts


@pytest.mark.slow
def test_what_there_is(machine, micro_params, gpus):
    gpus(2)
    found = facts(machine(micro_params()))
    assert torch.__version__ in found["torch"]
    assert found["GPUs"].startswith(
        "NVIDIA H200 150.8 GB, NVIDIA H200 150.8 GB; driver 570.86.15, which takes"
    )
    assert found["profile"].startswith("micro (")
    assert found["stages done"] == "none"
    assert "transformers" in found["packages"]


def test_what_there_is_where_nothing_works(machine, install):
    install("torch", "2.13.0", module="raise ImportError")
    install("faiss", "1.0", module="raise ImportError")
    found = facts(machine())
    assert (found["torch"], found["faiss"]) == ("cannot be imported", "cannot be imported")
    assert found["GPUs"] == "none that nvidia-smi lists"
    assert found["profile"].startswith("none at ")
