"""A gain by identity: 1/n for each of a question's n gold passages that a search is the first to show.

It pays for evidence alone, where similarity pays for any passage about the right entity, too. Over a
trajectory it sums to the share of gold passages shown.
"""

from __future__ import annotations

from collections.abc import Sequence


def support_gains(gold_ids: Sequence[str], rounds: Sequence[Sequence[str]]) -> list[float]:
    """The gain of each round, in [0, 1]; 0 without gold passages.

    Args:
        gold_ids: the gold passages that can be found.
        rounds: ids of the passages that each search found.
    """
    missing, gains = set(gold_ids), []
    for found in rounds:
        new = missing & set(found)
        gains.append(len(new) / max(1, len(gold_ids)))
        missing -= new
    return gains
