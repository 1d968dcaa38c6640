import pytest

from stepsearch_core.doctor.trials.encoders import NEAR, half


@pytest.mark.slow
def test_half_precision_is_near_and_not_the_same():
    figures = half(())
    for dtype in ("float16", "bfloat16"):
        assert NEAR < figures[f"{dtype} cosine"] < 1
