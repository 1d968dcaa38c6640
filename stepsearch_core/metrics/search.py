"""How a trajectory searched: searches, repeated passages, supports shown, format, what was hidden, invalid.

Everything is read from the trajectory's fields (`types.Trajectory`), never from its text: a passage that
contains `<search>` or `<answer>` changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsearch_core.base.means import mean
from stepsearch_core.base.text import Segmenter
from stepsearch_core.base.types import ActionKind, InvalidReason, Question, StopReason, Trajectory


def search_count(trajectory: Trajectory) -> int:
    """Number of searches, those without a hit included."""
    return len(trajectory.searches)


def repeated_shares(rounds: Sequence[Sequence[str]]) -> list[float]:
    """For each round, the share of its passages that an *earlier* one had (eqs. 12-13); 0 for no passages.

    Args:
        rounds: the passage ids of each search, in order. An id listed twice within one round is not a
            repeat.
    """
    seen: set[str] = set()
    shares = []
    for passage_ids in rounds:
        shares.append(sum(pid in seen for pid in passage_ids) / len(passage_ids) if passage_ids else 0.0)
        seen.update(passage_ids)
    return shares


def redundancy(trajectory: Trajectory) -> float:
    """Mean over searches of the share of passages already seen, in [0, 1]; 0.0 without searches."""
    shares = repeated_shares([turn.passage_ids for turn in trajectory.searches])
    return sum(shares) / len(shares) if shares else 0.0


def support_recall(trajectory: Trajectory, question: Question) -> float | None:
    """Share of the question's gold passages shown by any search, whole or cut; None if there are none."""
    if not question.support_ids:
        return None
    shown = {pid for turn in trajectory.searches for pid in turn.passage_ids}
    return sum(pid in shown for pid in question.support_ids) / len(question.support_ids)


def support_precision(trajectory: Trajectory, question: Question) -> float | None:
    """Share of the distinct passages shown that are gold; None if there are none, or none is known."""
    shown = {pid for turn in trajectory.searches for pid in turn.passage_ids}
    return (
        len(shown.intersection(question.support_ids)) / len(shown)
        if shown and question.support_ids
        else None
    )


def over_search(trajectory: Trajectory, question: Question) -> float | None:
    """Searches made after all gold passages had been shown; None if there are none.

    A search that shows the last of them is none of these; nor is one of a trajectory that never sees all.
    """
    if not question.support_ids:
        return None
    missing, after = set(question.support_ids), 0
    for turn in trajectory.searches:
        after += not missing
        missing.difference_update(turn.passage_ids)
    return after


def under_search(trajectory: Trajectory, question: Question) -> float | None:
    """1.0 if there is an answer though not all gold passages were shown, else 0.0; None if none is known."""
    recall = support_recall(trajectory, question)
    return None if recall is None else float(trajectory.answer is not None and recall < 1)


def format_valid(trajectory: Trajectory) -> bool:
    """The paper's hard constraint (section 2.3): at least one search and thought, one answer, at the end.

    Turns without a valid action do not break it: they cost a turn each and are counted (`invalid_turns`).
    The released code checks only that nothing follows the last answer. Where there is nothing to search, or
    nothing is to be said but the answer, no search or thought is asked for (`Trajectory.must_search`).
    """
    actions = [turn.action for turn in trajectory.turns]
    kinds = [action.kind for action in actions]
    return (
        trajectory.answer is not None
        and kinds.count(ActionKind.ANSWER) == 1
        and (ActionKind.SEARCH in kinds or not trajectory.must_search)
        and (any(action.has_think for action in actions) or not trajectory.must_think)
    )


def invalid_turns(trajectory: Trajectory) -> float | None:
    """Share of the turns that held no valid action; None without turns."""
    turns = trajectory.turns
    return sum(turn.action.kind is ActionKind.INVALID for turn in turns) / len(turns) if turns else None


def invalid_reasons(trajectory: Trajectory) -> dict[InvalidReason, float]:
    """For each reason the share of the turns without a valid action because of it; zeros without turns."""
    reasons = [turn.action.reason for turn in trajectory.turns]
    return {reason: reasons.count(reason) / max(1, len(reasons)) for reason in InvalidReason}


def query_words(trajectory: Trajectory, segment: Segmenter) -> float | None:
    """Mean number of words of a query; None without searches."""
    return mean(len(segment(turn.action.text)) for turn in trajectory.searches)


def hidden_passages(trajectory: Trajectory) -> float | None:
    """Share of the passages found by all searches that were not shown; None if nothing was found."""
    return _share_of_found(trajectory, sum(len(turn.hidden_ids) for turn in trajectory.searches))


def cut_passages(trajectory: Trajectory) -> float | None:
    """Share of the passages found by all searches that were shown, but cut; None if nothing was found."""
    return _share_of_found(trajectory, sum(len(turn.cut_ids) for turn in trajectory.searches))


def prompt_too_long(trajectory: Trajectory) -> bool:
    """Whether the question was never asked."""
    return trajectory.stop_reason is StopReason.PROMPT_TOO_LONG


def _share_of_found(trajectory: Trajectory, passages: int) -> float | None:
    found = sum(len(turn.passage_ids) + len(turn.hidden_ids) for turn in trajectory.searches)
    return passages / found if found else None
