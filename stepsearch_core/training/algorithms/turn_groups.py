"""Credit by turn without a critic: a turn's return against those of comparable turns.

The return of a turn is what its trajectory earns from the turn's first token to the end, discounted; it is
compared within a *cell*, and every token of the turn gets the difference. Cells are turns of one question

* `return_to_go`: at the same state of evidence, that is with as many gold passages shown before the turn.
Two
  turns with equal evidence have equal prospects but for the policy's own doing; GiGPO (arXiv 2505.10978)
  groups equal states so.
* `turn_group`: at the same place, first turns against first turns and so on (as in A2TGPO, arXiv
  2605.06200). This is biased where the policy decides when to stop: whoever still searches in turn four is a
  selection, mostly of hard or lost cases, and is measured against its like (verl issue 7244).

A turn alone in its cell has nothing to be compared to and gets 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stepsearch_core.training.algorithms.algorithm import Rows, ScoredBatch
from stepsearch_core.training.gae import generalized_advantages

SCHEMES = ("return_to_go", "turn_group")
"""What `train.credit` may be besides `trajectory`."""


@dataclass(frozen=True, slots=True)
class TurnReturn:
    """A turn of a trajectory, by their numbers, and what is earned from it on."""

    trajectory: int
    turn: int
    value: float


Cell = list[TurnReturn]
Compare = Callable[[Cell], list[float]]
"""Advantages of the turns of a cell that has at least two."""


def compared_turns(
    batch: ScoredBatch, gamma: float, scheme: str, compare: Compare, by_question: bool = True
) -> tuple[Rows, Rows]:
    """Advantages of tokens, alike within a turn, and the discounted returns of tokens.

    Args:
        batch: with turns and evidence.
        gamma: discount a token.
        scheme: one of `SCHEMES`.
        compare: what a cell makes of its turns.
        by_question: whether cells are of one question, or of all of the batch.
    """
    returns = [_returns(rewards, gamma) for rewards in batch.rewards]
    cells: dict[tuple[str, int], Cell] = defaultdict(list)
    for number, (of_tokens, turns, evidence) in enumerate(
        zip(returns, batch.turns, batch.evidence, strict=True)
    ):
        written, first = np.unique(turns, return_index=True)
        for turn, token in zip(written.tolist(), first.tolist(), strict=True):
            state = int(evidence[token]) if scheme == "return_to_go" else turn
            question = batch.question_ids[number] if by_question else ""
            cells[question, state].append(TurnReturn(number, turn, float(of_tokens[token])))
    advantages = [np.zeros(len(row)) for row in returns]
    for cell in cells.values():
        if len(cell) < 2:
            continue
        for made, advantage in zip(cell, compare(cell), strict=True):
            advantages[made.trajectory][batch.turns[made.trajectory] == made.turn] = advantage
    return advantages, returns


def _returns(rewards: np.ndarray, gamma: float) -> np.ndarray:
    return generalized_advantages(rewards, np.zeros(len(rewards)), gamma, 1.0)[1]
