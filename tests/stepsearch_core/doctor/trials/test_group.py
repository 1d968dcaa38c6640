import pytest
import torch

from stepsearch_core.doctor.apart import Apart


@pytest.mark.slow
def test_one_rank_sums_and_gathers():
    ended = Apart("stepsearch_core.doctor.trials.group:exchange", overrides=[]).ending(120.0)
    assert ended.reason == ""
    assert ended.value == {"backend": "nccl" if torch.cuda.is_available() else "gloo"}
