"""The answer reward (paper, eq. 3): word F1 of the final answer, if the trajectory's format is right.

`reward.answer: em` takes exact match instead, as Search-R1 does: an answer that is half right earns nothing.

A wrong format earns 0 as in the paper, where the released code gives -1 and drops every other reward. The
format is the paper's hard constraint (`metrics.search.format_valid`), of which the released code checks one
half.
"""

from __future__ import annotations

from stepsearch_core.base.text import Segmenter, words
from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.metrics.search import format_valid


def answer_reward(
    trajectory: Trajectory, question: Question, segment: Segmenter = words, measure: str = "f1"
) -> float:
    """r_answer in [0, 1]: the best `measure` (f1 or em) over the accepted answers if the format is right."""
    if not format_valid(trajectory):
        return 0.0
    if measure == "em":
        return exact_match(trajectory.answer, question.answers)
    return word_f1(trajectory.answer, question.answers, segment)
