import pytest

from stepsearch_core.rewards.answer import answer_reward
from tests.oracles.episodes import answer, invalid, question, search, trajectory


def test_f1_if_the_format_is_right():
    asked = question(answers=["Eiffel Tower"])
    assert answer_reward(
        trajectory(search("x", "a"), answer("The Eiffel Tower, Paris")), asked
    ) == pytest.approx(0.8)


def test_invalid_turns_before_the_answer_cost_no_reward():
    asked = question(answers=["Paris"])
    assert answer_reward(trajectory(invalid(), search("x", "a"), invalid(), answer("Paris")), asked) == 1.0


@pytest.mark.parametrize(
    "turns",
    [
        [answer("Paris")],
        [search("x", "a")],
        [search("x", "a"), answer("Rome"), answer("Paris")],
        [search("x", "a", think=False), answer("Paris", think=False)],
    ],
)
def test_a_wrong_format_earns_nothing(turns):
    assert answer_reward(trajectory(*turns), question()) == 0.0


def test_exact_match_pays_for_nothing_less():
    asked = question(answers=["Eiffel Tower"])
    for text, worth in (("The Eiffel tower", 1.0), ("Eiffel Tower, Paris", 0.0)):
        assert answer_reward(trajectory(search("x", "a"), answer(text)), asked, measure="em") == worth
    unsearched = trajectory(answer("Eiffel Tower"))
    assert answer_reward(unsearched, asked, measure="em") == 0.0
