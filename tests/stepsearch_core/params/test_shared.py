import pytest

from stepsearch_core.params import EnvironmentParams


@pytest.mark.parametrize(("limit", "written"), [(512, 6 * 32), (100, 100)])
def test_most_that_is_written_is_all_turns_or_the_whole_context(limit, written):
    made = EnvironmentParams(max_searches=5, max_turn_tokens=32, max_trajectory_tokens=limit)
    assert made.most_written == written
