"""Dynamic sampling (DAPO, arXiv 2503.14476, section 3.2): groups that teach nothing are drawn anew.

Where all samples of a question earn the same, a comparison within the group is 0. Other questions are asked
in place of such a one, up to `train.resampling_rounds` times a step; DAPO has no bound, and would sample for
ever once a policy knows all answers. What is still without variance after that stays, at advantages of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepsearch_core.base.types import Question, Trajectory

Sample = Callable[[int, Sequence[Question]], list[Trajectory]]
"""(attempt, questions) -> their trajectories, those of a question in a row."""


def sample_with_variance(
    questions: Sequence[Question],
    rounds: int,
    sample: Sample,
    worths: Callable[[Sequence[Trajectory]], list[float | None]],
    instead: Callable[[int, int, Sequence[Question]], list[Question]],
) -> tuple[list[Trajectory], int]:
    """The trajectories of a step, and how many groups were drawn anew for it.

    Args:
        questions: of the step.
        rounds: how often groups are drawn anew at most.
        sample: plays; the first attempt is 0.
        worths: what each of these trajectories earns in all; None if it failed.
        instead: (attempt, how many, questions asked so far) -> other questions, as many or fewer.
    """
    sampled = sample(0, questions)
    size, asked, again = len(sampled) // len(questions), list(questions), 0
    earned = worths(sampled) if rounds else []
    for attempt in range(1, rounds + 1):
        flat = [start for start in range(0, len(earned), size) if _flat(earned[start : start + size])]
        others = instead(attempt, len(flat), asked)
        if not others:
            break
        fresh = sample(attempt, others)
        fresh_earned = worths(fresh)
        for number, start in enumerate(flat[: len(others)]):
            own = slice(number * size, (number + 1) * size)
            sampled[start : start + size], earned[start : start + size] = fresh[own], fresh_earned[own]
        asked += others
        again += len(others)
    return sampled, again


def _flat(group: Sequence[float | None]) -> bool:
    """Whether all that did not fail earn the same."""
    earned = [value for value in group if value is not None]
    return max(earned, default=0.0) - min(earned, default=0.0) < 1e-9
