import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.params import TrainParams
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.algorithms.algorithm import ScoredBatch, groups
from tests.stepsearch_core.training.algorithms.batches import batch

ROWS = st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=9), min_size=1, max_size=6)


def test_every_name_of_the_schema_is_an_algorithm():
    choices = TrainParams.__dataclass_fields__["algorithm"].metadata["limit"]
    assert all(map(choices.allows, ALGORITHMS))
    assert choices.wording == f"one of {', '.join(ALGORITHMS)}"


def test_critics():
    assert {name for name, algorithm in ALGORITHMS.items() if algorithm.critic} == {"steppo", "ppo"}


def test_groups_go_by_question_id_wherever_the_rows_stand():
    assert [group.tolist() for group in groups(["b", "a", "b", "c", "a"])] == [[0, 2], [1, 4], [3]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
@given(ROWS, st.data())
def test_credit_has_the_shape_of_the_rewards_and_does_not_depend_on_the_order_of_trajectories(
    name, rows, data
):
    ids = data.draw(st.lists(st.sampled_from("abc"), min_size=len(rows), max_size=len(rows)))
    order = data.draw(st.permutations(range(len(rows))))
    values = [[0.1 * number for number in range(len(row))] for row in rows]
    made = batch(rows, ids, values)
    moved = ScoredBatch(
        [ids[i] for i in order], [made.rewards[i] for i in order], [made.values[i] for i in order]
    )
    advantages, returns = ALGORITHMS[name].credit(made, 0.99, 0.95)
    assert [len(row) for row in advantages] == [len(row) for row in returns] == [len(row) for row in rows]
    for row, index in zip(ALGORITHMS[name].credit(moved, 0.99, 0.95)[0], order, strict=True):
        assert row == pytest.approx(advantages[index], abs=1e-6)
