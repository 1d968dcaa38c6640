"""Trajectories as arrays: padded to a few fixed lengths, with the policy's tokens addressed by position.

Padding is on the right and attention is causal, so no attention mask is needed: no policy token can see
padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stepsearch_core.base.types import Trajectory

LENGTH_STRIDE = 16
"""Lengths are rounded up to a multiple of this: new shapes are slow (kernels are chosen per shape)."""
PASS_TOKENS = 64
"""What one more pass costs besides its tokens, in tokens (in the small world, about 5 ms on a CPU)."""


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """`input_ids` [rows, length]; of the n policy tokens: `rows`, `positions`, `targets` [n]."""

    input_ids: np.ndarray
    rows: np.ndarray
    positions: np.ndarray
    targets: np.ndarray

    @property
    def predictors(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and position of the token before each policy token: its hidden state predicts the token."""
        return self.rows, self.positions - 1


def token_batch(trajectories: Sequence[Trajectory], pad_token_id: int) -> TokenBatch:
    """Pad trajectories and list their policy tokens."""
    ids = [trajectory.token_ids for trajectory in trajectories]
    length = _padded(max(map(len, ids)))
    input_ids = np.full((len(ids), length), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(ids), length), dtype=bool)
    for row, (tokens, trajectory) in enumerate(zip(ids, trajectories, strict=True)):
        input_ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = trajectory.policy_mask
    rows, positions = np.nonzero(mask)
    return TokenBatch(input_ids, rows, positions, input_ids[rows, positions])


def micro_batches(trajectories: Sequence[Trajectory], tokens: int, ranks: int = 1) -> list[list[int]]:
    """Indices of trajectories in batches of at most `tokens` tokens a rank, padding included, at least cost.

    Sorted by length, consecutive trajectories share a batch. Where to cut is found by dynamic programming: a
    batch costs its padded tokens and `PASS_TOKENS`. A trajectory that is longer than `tokens` goes alone on
    its rank.
    """
    lengths = [len(trajectory.token_ids) for trajectory in trajectories]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    cost, cut = [0] * (len(order) + 1), [0] * (len(order) + 1)
    for end in range(1, len(order) + 1):
        width = _padded(lengths[order[end - 1]])
        starts = range(max(0, end - ranks * max(1, tokens // width)), end)
        cost[end], cut[end] = min(
            (cost[start] + (end - start) * width + PASS_TOKENS, start) for start in starts
        )
    batches, end = [], len(order)
    while end:
        batches.append(order[cut[end] : end])
        end = cut[end]
    return batches[::-1]


def _padded(length: int) -> int:
    return -(-length // LENGTH_STRIDE) * LENGTH_STRIDE


def length_groups(trajectories: Sequence[Trajectory], size: int) -> list[list[int]]:
    """Indices of trajectories in groups of at most `size`, alike in length, so that little is padding."""
    order = sorted(range(len(trajectories)), key=lambda index: len(trajectories[index].token_ids))
    return [order[start : start + size] for start in range(0, len(order), size)]
