"""Sampler and trainer should give a token one probability; where they differ, say by how much, correct, or stop.

Different kernels, precisions and batch shapes make the engine that samples and the one that trains disagree, and stale
weights or another temperature make them disagree a lot. Truncated importance sampling weighs a token's policy loss by
min(p_trainer / p_sampler, cap) (Yao et al., "Your efficient RL framework secretly brings you off-policy RL training",
2025); a whole trajectory whose mean ratio is far off is left out. All arrays are float64 over policy tokens; the
trainer's are empty for trajectories that were not measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stepsearch_core.io import ExplainedError
from stepsearch_core.types import Trajectory


class MismatchError(ExplainedError):
    """Sampler and trainer differ by more than `train.max_mismatch`."""


def mismatch(sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean and largest |log p_trainer - log p_sampler| over tokens measured, and KL(sampler || trainer) by k3."""
    gap = np.concatenate([t - s for s, t in zip(sampler, trainer, strict=True) if len(t)])
    return {
        "mismatch/mean": float(np.abs(gap).mean()),
        "mismatch/max": float(np.abs(gap).max()),
        "mismatch/kl": float((np.expm1(gap) - gap).mean()),
    }


def check_mismatch(
    trajectories: Sequence[Trajectory], trainer: Sequence[np.ndarray], limit: float | None
) -> dict[str, float]:
    """The figures of `mismatch`, if the mean is within the limit.

    Raises:
        MismatchError: it is not (or not a number); names the token with the largest gap.
    """
    measured = [(of, row) for of, row in zip(trajectories, trainer, strict=True) if len(row)]
    trajectories, trainer = [of for of, _ in measured], [row for _, row in measured]
    sampler = [np.array(trajectory.log_probs) for trajectory in trajectories]
    figures = mismatch(sampler, trainer)
    if limit is None or figures["mismatch/mean"] <= limit:
        return figures
    gaps = [np.abs(np.nan_to_num(t - s, nan=np.inf)) for s, t in zip(sampler, trainer, strict=True)]
    worst = max(range(len(gaps)), key=lambda index: gaps[index].max(initial=0.0))
    position = int(gaps[worst].argmax())
    policy_ids = [
        i for i, own in zip(trajectories[worst].token_ids, trajectories[worst].policy_mask, strict=True) if own
    ]
    raise MismatchError(
        f"sampler and trainer differ by {figures['mismatch/mean']:.3g} nats a token on average, more than "
        f"train.max_mismatch = {limit:g}; most at question {trajectories[worst].question_id}, policy token {position} "
        f"(id {policy_ids[position]}): log-probability {sampler[worst][position]:.4f} when sampled, "
        f"{trainer[worst][position]:.4f} in training. Weights that were not pushed, another temperature or another "
        "precision do this"
    )


def importance_weights(
    sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray], cap: float | None
) -> list[np.ndarray]:
    """min(p_trainer / p_sampler, cap) of every token; 1 without a cap."""
    if cap is None:
        return [np.ones(len(row)) for row in sampler]
    return [np.minimum(np.exp(t - s), cap) for s, t in zip(sampler, trainer, strict=True)]


def within_sequence_limit(
    sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray], limit: float | None
) -> list[int]:
    """Indices of trajectories whose geometric mean of ratios lies in [1 / limit, limit]."""
    if limit is None:
        return list(range(len(sampler)))
    means = [(t - s).mean() for s, t in zip(sampler, trainer, strict=True)]
    return [index for index, mean in enumerate(means) if abs(mean) <= np.log(limit)]
