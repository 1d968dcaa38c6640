"""Sampler and trainer should give a token one probability; where they differ: say so, correct, mask, stop.

Different kernels, precisions and batch shapes make the engine that samples and the one that trains disagree,
and stale weights or another temperature make them disagree a lot. Truncated importance sampling weighs a
token's policy loss by min(p_trainer / p_sampler, cap) (Yao et al., "Your efficient RL framework secretly
brings you off-policy RL training", 2025); a whole trajectory whose mean ratio is far off is left out. All
arrays are float64 over policy tokens; the trainer's are empty for trajectories that were not measured.

No run is lost to one batch: where the mean gap of a step is beyond `train.max_mismatch`, the trajectories
that are beyond it are masked, with a warning. With `train.on_mismatch: stop` training stops if that happens
`PATIENCE` times in a row, or if the mean is `NO_ROUNDING` times the limit: rounding does not do that. `mask`
never stops for it, and `warn` does not even mask, but for what is not finite. If no trajectory is left there
is nothing to learn from, and any of them stops.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.ranks import is_main
from stepsearch_core.base.types import Trajectory
from stepsearch_core.training.losses import MAX_LOG_RATIO

BFLOAT16_ALLOWANCE = 4.0
"""`train.max_mismatch` is meant for float32; in bfloat16 it is so many times as large. With 8 bits of
mantissa a sound SmolLM2-135M-Instruct shows .0475 nats a token on average, about the limit that float32 has
by default.
"""
PATIENCE = 5
"""Steps in a row beyond the limit that stop training."""
NO_ROUNDING = 10.0
"""A mean gap of so many times the limit has another cause than rounding, and stops training at once."""


class MismatchError(ExplainedError):
    """Sampler and trainer differ so much, or for so long, that something is wrong with one of them."""


class MismatchGuard:
    """Judges the gap between sampler and trainer, step after step."""

    def __init__(self, limit: float | None, dtype: torch.dtype, response: str = "stop") -> None:
        """Take `train.max_mismatch` (None: no limit), the policy's dtype and `train.on_mismatch`."""
        allowance = BFLOAT16_ALLOWANCE if dtype is torch.bfloat16 else 1.0
        self.limit = None if limit is None else limit * allowance
        self._response = response
        self.steps_beyond = 0
        """In a row until now; part of a run's state."""

    def within(self, trajectories: Sequence[Trajectory], trainer: Sequence[np.ndarray]) -> bool:
        """Whether a step's mean gap over what was measured is within the limit.

        Raises:
            MismatchError: it has not been for too long, or it is larger than rounding explains, and the
                response is to stop.
        """
        gaps = _gaps(trajectories, trainer)
        mean = float(np.concatenate(gaps).mean())
        if self.limit is None or mean <= self.limit:
            self.steps_beyond = 0
            return True
        self.steps_beyond += 1
        finite = [gap for gap in gaps if np.isfinite(gap).all()]  # rows with something else are masked
        hopeless = not finite or np.concatenate(finite).mean() > NO_ROUNDING * self.limit
        if self._response == "stop" and (hopeless or self.steps_beyond >= PATIENCE):
            raise MismatchError(
                f"{self._evidence(trajectories, trainer)}, {self.steps_beyond} steps in a row. {_CAUSES}"
            )
        return False

    def kept(self, trajectories: Sequence[Trajectory], trainer: Sequence[np.ndarray]) -> list[int]:
        """After a step beyond the limit: indices of the trajectories whose own mean gap is within it, or, if
        the response is to warn, is a number.

        All have been measured. Warns of the others.

        Raises:
            MismatchError: there are none.
        """
        assert self.limit is not None
        bound = np.finfo(float).max if self._response == "warn" else self.limit
        kept = [index for index, gap in enumerate(_gaps(trajectories, trainer)) if gap.mean() <= bound]
        evidence = self._evidence(trajectories, trainer)
        if not kept:
            raise MismatchError(
                f"{evidence}, and so does every trajectory: there is nothing to learn from. {_CAUSES}"
            )
        if is_main():
            masked = f"{len(trajectories) - len(kept)} of {len(trajectories)} trajectories are masked"
            logging.getLogger("train").warning("%s: %s", evidence, masked)
        return kept

    def _evidence(self, trajectories: Sequence[Trajectory], trainer: Sequence[np.ndarray]) -> str:
        """The mean gap and the token with the largest one."""
        gaps = [np.nan_to_num(gap, nan=np.inf) for gap in _gaps(trajectories, trainer)]
        worst = max(range(len(gaps)), key=lambda index: gaps[index].max(initial=0.0))
        position = int(gaps[worst].argmax())
        trajectory = trajectories[worst]
        token = [i for i, own in zip(trajectory.token_ids, trajectory.policy_mask, strict=True) if own][
            position
        ]
        return (
            f"sampler and trainer differ by {np.concatenate(gaps).mean():.3g} nats a token on average, more"
            f" than the {self.limit:g} of train.max_mismatch; most at question {trajectory.question_id},"
            f" policy token {position} (id {token}): log-probability {trajectory.log_probs[position]:.4f}"
            f" when sampled, {trainer[worst][position]:.4f} in training"
        )


_CAUSES = "Weights that were not pushed, another temperature or another precision do this"


def _gaps(trajectories: Sequence[Trajectory], trainer: Sequence[np.ndarray]) -> list[np.ndarray]:
    """|log p_trainer - log p_sampler| of each trajectory's tokens; empty where it was not measured."""
    return [
        np.abs(row - np.array(trajectory.log_probs)) if len(row) else np.empty(0)
        for trajectory, row in zip(trajectories, trainer, strict=True)
    ]


def mismatch(sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean and largest |log p_trainer - log p_sampler| over tokens, and KL(sampler || trainer) by k3."""
    gap = np.concatenate([t - s for s, t in zip(sampler, trainer, strict=True) if len(t)])
    capped = np.minimum(gap, MAX_LOG_RATIO)
    return {
        "mismatch/mean": float(np.abs(gap).mean()),
        "mismatch/max": float(np.abs(gap).max()),
        "mismatch/kl": float((np.expm1(capped) - capped).mean()),
    }


def importance_weights(
    sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray], cap: float | None
) -> list[np.ndarray]:
    """min(p_trainer / p_sampler, cap) of every token; 1 without a cap."""
    if cap is None:
        return [np.ones(len(row)) for row in sampler]
    return [
        np.minimum(np.exp(np.minimum(t - s, MAX_LOG_RATIO)), cap)
        for s, t in zip(sampler, trainer, strict=True)
    ]


def within_sequence_limit(
    sampler: Sequence[np.ndarray], trainer: Sequence[np.ndarray], limit: float | None
) -> list[int]:
    """Indices of trajectories whose geometric mean of ratios lies in [1 / limit, limit]."""
    if limit is None:
        return list(range(len(sampler)))
    means = [(t - s).mean() for s, t in zip(sampler, trainer, strict=True)]
    return [index for index, mean in enumerate(means) if abs(mean) <= np.log(limit)]
