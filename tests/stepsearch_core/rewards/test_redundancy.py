from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.rewards.redundancy import redundancies
from tests.oracles import step_rewards

rounds_of_ids = st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), max_size=5)


def test_worked_case():
    rounds = [["g1", "zeta", "theta"], ["g1", "half", "kappa"], ["g2", "mu", "xi"]]
    assert redundancies(rounds) == [0.0, 1 / 3, 0.0]


def test_the_same_passages_at_other_ranks_are_full_repeats():
    assert redundancies([["A", "B", "C"], ["B", "A", "C"]]) == [0.0, 1.0]


def test_an_empty_round_is_not_redundant_and_forgets_nothing():
    assert redundancies([["a"], [], ["a", "b"]]) == [0.0, 0.0, 0.5]


@given(rounds_of_ids, st.randoms(use_true_random=False))
def test_agrees_with_a_loop_over_pairs_whatever_the_ranks(rounds, rng):
    shares = redundancies(rounds)
    assert shares == step_rewards.penalties(rounds)
    assert shares == redundancies([rng.sample(ids, len(ids)) for ids in rounds])
    assert shares[:1] in ([], [0.0])
