"""Questions that are too long to be asked: a question is never cut, so one whose prompt leaves no room for a
turn is answered by nobody (`StopReason.PROMPT_TOO_LONG`), and training leaves it out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Question
from stepsearch_core.environment.renderer import Renderer

TOO_LONG_SHARE = 0.05
"""Of the questions to be trained on at most may be left out."""


def those_that_fit(questions: Sequence[Question], renderer: Renderer) -> list[Question]:
    """The questions whose prompts leave room for a turn; logs how many do not.

    Raises:
        DataError: they are more than `TOO_LONG_SHARE`.
    """
    fitting = [question for question in questions if renderer.fits(question.question)]
    if len(fitting) == len(questions):
        return fitting
    longest = max((question.question for question in questions), key=renderer.prompt_length)
    problem = (
        f"{len(questions) - len(fitting)} of {len(questions)} questions do not fit: {renderer.prompt_room}"
        f" tokens are left for a prompt beside one turn, the longest has {renderer.prompt_length(longest)}"
        f" (question: {longest[:80]!r})"
    )
    if len(questions) - len(fitting) > TOO_LONG_SHARE * len(questions):
        raise DataError(problem, "params", field="environment.max_trajectory_tokens")
    logging.getLogger("questions").warning("left out: %s", problem)
    return fitting
