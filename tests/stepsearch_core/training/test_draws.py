from dataclasses import replace

from stepsearch_core.training.draws import Draws
from tests import tiny

QUESTIONS = [replace(tiny.ADA, id=str(number)) for number in range(5)]


def ids(questions):
    return [question.id for question in questions]


def test_steps_cut_epochs_of_permutations():
    draws = Draws(QUESTIONS, 2, seed=0)
    drawn = [one for step in range(1, 6) for one in ids(draws.of_step(step))]
    assert sorted(drawn[:5]) == sorted(drawn[5:]) == ids(QUESTIONS)
    assert drawn[:5] != drawn[5:]
    assert ids(draws.of_step(3)) == drawn[4:6]
    assert ids(Draws(QUESTIONS, 2, seed=1).of_step(1)) != drawn[:2]


def test_instead_are_others_as_many_as_there_are():
    draws = Draws(QUESTIONS, 2, seed=0)
    asked = draws.of_step(1)
    others = draws.instead(1, 1, 2, asked)
    assert len(others) == 2
    assert not set(ids(others)) & set(ids(asked))
    assert ids(draws.instead(1, 1, 2, asked)) == ids(others)
    assert any(ids(draws.instead(1, attempt, 2, asked)) != ids(others) for attempt in range(2, 9))
    assert len(draws.instead(1, 1, 9, asked)) == 3
    assert draws.instead(1, 1, 9, QUESTIONS) == []
