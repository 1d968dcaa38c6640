import numpy as np
import pytest

from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.algorithms.algorithm import ScoredBatch
from tests.stepsearch_core.training.algorithms.batches import plain

# Two samples of question a and one of b, each token with its turn and the evidence before it. Returns of
# turns:
# a0: turn 0 (nothing found) 1.5, turn 1 (one found) 1.0
# a1: turn 0 (nothing found) 0.5, turn 1 (nothing found) 0.5, turn 2 (one found) 0.0
# b0: turn 0 2.0
REWARDS = [[0.0, 0.5, 1.0], [0.0, 0.5, 0.0], [2.0]]
TURNS = [[0, 0, 1], [0, 1, 2], [0]]
EVIDENCE = [[0, 0, 1], [0, 0, 1], [0]]


def batch():
    arrays = [[np.array(row) for row in rows] for rows in (REWARDS, TURNS, EVIDENCE)]
    return ScoredBatch(["a", "a", "b"], arrays[0], [np.zeros(len(row)) for row in REWARDS], *arrays[1:])


def credit(name, scheme, gamma=1.0, made=None):
    turn_credit = ALGORITHMS[name].turn_credit
    assert turn_credit is not None
    return turn_credit(made or batch(), gamma, scheme)


def approximately(rows):
    return [pytest.approx(row, abs=1e-5) for row in rows]


def test_rloo_at_equal_evidence_by_hand():
    # nothing found: 1.5 against the mean of .5 and .5; each .5 against 1.5 alone, not against its own other
    # turn. One found: 1 against 0
    advantages, returns = credit("rloo", "return_to_go")
    assert plain(advantages) == [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [0.0]]
    assert plain(returns) == [[1.5, 1.5, 1.0], [0.5, 0.5, 0.0], [2.0]]


def test_rloo_at_equal_turns_by_hand():
    # turn 0: 1.5 against .5; turn 1: 1 against .5; turn 2 has nothing beside it
    assert plain(credit("rloo", "turn_group")[0]) == [[1.0, 1.0, 0.5], [-1.0, -0.5, 0.0], [0.0]]


def test_grpo_at_equal_evidence_by_hand():
    # 1.5, .5, .5: mean 5/6, unbiased deviation 1/sqrt(3); 1 and 0: mean .5, deviation 1/sqrt(2)
    advantages, _ = credit("grpo", "return_to_go")
    high, low, half = 2 / 3 * 3**0.5, -1 / 3 * 3**0.5, 0.5 * 2**0.5
    expected = [[high, high, half], [low, low, -half], [0.0]]
    assert [row.tolist() for row in advantages] == approximately(expected)


def test_grpo_at_equal_turns_by_hand():
    half = 0.5 * 2**0.5
    expected = [[half, half, half], [-half, -half, 0.0], [0.0]]
    assert [row.tolist() for row in credit("grpo", "turn_group")[0]] == approximately(expected)


def test_reinforce_pp_compares_over_the_whole_batch():
    # at equal turns: turn 0: 1.5, .5, 2 (mean 4/3); turn 1: 1, .5 (mean .75); turn 2 alone: 0
    advantages, _ = credit("reinforce_pp", "turn_group")
    centred = np.array([1 / 6, 1 / 6, 0.25, -5 / 6, -0.25, 0.0, 2 / 3])
    whitened = (centred - centred.mean()) / centred.std(ddof=1)
    assert np.concatenate(advantages).tolist() == pytest.approx(whitened.tolist(), abs=1e-6)


def test_returns_are_discounted_a_token():
    assert plain(credit("rloo", "turn_group", gamma=0.5)[1]) == [[0.5, 1.0, 1.0], [0.25, 0.5, 0.0], [2.0]]


@pytest.mark.parametrize("name", ["grpo", "rloo"])
@pytest.mark.parametrize("scheme", ["return_to_go", "turn_group"])
def test_groups_go_by_question_wherever_its_trajectories_stand(name, scheme):
    made = batch()
    order = [2, 0, 1]
    shuffled = ScoredBatch(
        *[[rows[index] for index in order] for rows in (made.question_ids, made.rewards, made.values)],
        *[[rows[index] for index in order] for rows in (made.turns, made.evidence)],
    )
    moved = plain(credit(name, scheme, made=shuffled)[0])
    assert [moved[order.index(index)] for index in range(3)] == approximately(plain(credit(name, scheme)[0]))
