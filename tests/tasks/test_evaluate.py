"""Killed at any moment, `evaluate` goes on with the questions that are left, and ends as if nothing had
happened.
"""

import pytest

from tests.checkout import profile
from tests.killed import check_kills_change_nothing


@pytest.mark.slow
def test_random_kills_and_every_result_is_that_of_an_uninterrupted_run(fork):
    profile(fork, "micro", "evaluate.questions=8", "evaluate.batch_size=1")
    check_kills_change_nothing(fork, "evaluate", "*/trained/*.jsonl")
