"""Trajectories and questions written by hand, for tests of whatever reads them."""

from stepsearch_core.base.types import (
    Action,
    ActionKind,
    Author,
    Hop,
    InvalidReason,
    Question,
    Segment,
    Trajectory,
    Turn,
)


def search(query, *passage_ids, think=True):
    return Turn(Action(ActionKind.SEARCH, query, think), "", passage_ids)


def answer(text, think=True):
    return Turn(Action(ActionKind.ANSWER, text, think), "")


def invalid(reason=InvalidReason.NOT_ONE_ACTION):
    return Turn(Action.invalid(reason), "")


def trajectory(*turns, policy_tokens=3, environment_tokens=2, prompt_tokens=4):
    """Each turn has `policy_tokens` tokens, and `environment_tokens` follow every turn but the last."""
    segments = [Segment(Author.PROMPT, 0, [1] * prompt_tokens)]
    for index in range(len(turns)):
        segments.append(Segment(Author.POLICY, index, [2] * policy_tokens, [-1.0] * policy_tokens))
        if index < len(turns) - 1:
            segments.append(Segment(Author.ENVIRONMENT, index, [3] * environment_tokens))
    return Trajectory("q", 0, segments, list(turns))


def question(*hops, answers=("Paris",)):
    """`hops` are (support ids, search keys)."""
    made = tuple(Hop("who?", "x", tuple(supports), tuple(keys)) for supports, keys in hops)
    return Question("q", "musique", "dev", "which city?", tuple(answers), made)
