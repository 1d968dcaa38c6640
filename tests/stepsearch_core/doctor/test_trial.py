import pytest

from stepsearch_core.doctor.trial import TrialError, require


def test_what_does_not_hold_fails_with_what_came_out():
    require(True, "nothing")
    with pytest.raises(TrialError, match=r"^the loss is nan$"):
        require(False, "the loss is nan")
