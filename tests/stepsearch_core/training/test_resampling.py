from collections.abc import Sequence
from dataclasses import replace

from stepsearch_core.base.types import Trajectory
from stepsearch_core.training.resampling import sample_with_variance
from tests import tiny

WORTHS: dict[str, list[float | None]] = {
    "flat": [1.0, 1.0],
    "varied": [0.0, 1.0],
    "failed": [None, 0.5],
    "better": [0.2, 0.4],
}


def asked(*names):
    return [replace(tiny.ADA, id=name) for name in names]


def play(names, rounds, others: Sequence[str] = ()):
    """What is sampled of questions that earn `WORTHS`, in whose place `others` are asked in turn."""
    waiting = list(others)
    log: list[tuple[int, list[str]]] = []

    def sample(attempt, questions):
        log.append((attempt, [question.id for question in questions]))
        return [Trajectory(question.id, number) for question in questions for number in range(2)]

    def instead(attempt, count, before):
        taken = [waiting.pop(0) for _ in range(min(count, len(waiting)))]
        assert not set(taken) & {question.id for question in before}
        return asked(*taken)

    def worths(trajectories):
        return [WORTHS[made.question_id.split("-")[0]][made.sample] for made in trajectories]

    made, again = sample_with_variance(asked(*names), rounds, sample, worths, instead)
    return [trajectory.question_id for trajectory in made[::2]], again, log


def test_without_rounds_all_stay():
    made, again, log = play(["flat-1", "varied"], 0, ["better"])
    assert (made, again, len(log)) == (["flat-1", "varied"], 0, 1)


def test_groups_without_variance_are_replaced_where_they_stood():
    made, again, log = play(["flat-1", "varied", "failed"], 3, ["flat-2", "better", "better-2", "varied-2"])
    assert made == ["better-2", "varied", "better"]
    assert again == 3
    assert log == [(0, ["flat-1", "varied", "failed"]), (1, ["flat-2", "better"]), (2, ["better-2"])]


def test_what_is_left_when_rounds_or_questions_run_out_stays():
    assert play(["flat-1", "varied"], 1, ["flat-2", "better"])[:2] == (["flat-2", "varied"], 1)
    assert play(["flat-1", "flat-2"], 5, ["better"])[:2] == (["better", "flat-2"], 1)
