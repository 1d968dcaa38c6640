"""PPO's losses per policy token: clipped policy loss, clipped value loss, KL estimates, explained variance.

Everything is flat: 1-D tensors that hold only policy tokens. Nothing here averages. The caller sums over its
micro-batch and divides by the number of policy tokens in the *global* mini-batch, so that the result does
not depend on how tokens fall into micro-batches and ranks (the paper's eq. 1 is a token mean).
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_LOG_RATIO = 10.0
"""Log-ratios of probabilities are cut here before their exponential is taken (22,026), so that no single
token can make a sum infinite. Only from above: below, the exponential goes to 0. Beyond it the gradient is
zero, as a clamp's is.
"""


def policy_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    clip_range: float,
    clip_range_high: float | None = None,
    dual_clip: float | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """PPO's clipped surrogate loss (eq. 1; Schulman et al., arXiv 1707.06347, eq. 7).

    Args:
        log_probs: [tokens], of the policy in training; carries the gradient.
        old_log_probs: [tokens], of the policy that sampled.
        advantages: [tokens].
        clip_range: epsilon; the ratio counts from 1 - epsilon to 1 + epsilon.
        clip_range_high: the epsilon above 1, if it is another ("clip-higher", DAPO, arXiv 2503.14476): an
            unlikely token can become likelier by more.
        dual_clip: c > 1, the most that a token with a negative advantage A loses: c |A|, however much
            likelier it has become (Ye et al., arXiv 1912.09729, eq. 5). None: no bound.

    Returns:
        The loss of each token [tokens] (without a gradient where the log-ratio is above `MAX_LOG_RATIO`),
        and detached per-token statistics [tokens], to be averaged over tokens: `approx_kl` = (r - 1) - log r
        (Schulman's k3 from the sampling policy to the trained one) and `clip_frac`, 1 where the ratio left
        the range.
    """
    log_ratio = (log_probs - old_log_probs).clamp(max=MAX_LOG_RATIO)
    ratio = log_ratio.exp()
    unclipped = advantages * ratio
    low, high = 1 - clip_range, 1 + (clip_range if clip_range_high is None else clip_range_high)
    objective = torch.minimum(unclipped, advantages * ratio.clamp(low, high))
    if dual_clip is not None:
        floor = torch.maximum(objective, dual_clip * advantages)
        objective = torch.where(advantages < 0, floor, objective)
    with torch.no_grad():
        stats = {
            "approx_kl": torch.expm1(log_ratio) - log_ratio,
            "clip_frac": ((ratio < low) | (ratio > high)).to(ratio.dtype),
        }
    return -objective, stats


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, value_clip_range: float) -> Tensor:
    """Clipped squared error of each token, times 0.5: the worse of new value and new value near the old.

    Args:
        values: [tokens] or [tokens, terms], of the critic in training; carries the gradient.
        old_values: alike, of the critic when the batch was sampled.
        returns: alike.
        value_clip_range: how far a value may move from its old one before the error of the clipped one
            counts.
    """
    clipped = torch.clamp(values, old_values - value_clip_range, old_values + value_clip_range)
    return 0.5 * torch.maximum((values - returns).square(), (clipped - returns).square())


def kl_estimate(log_probs: Tensor, reference_log_probs: Tensor, kind: str) -> Tensor:
    """KL(policy || reference) of each token, estimated on tokens sampled from the policy.

    Schulman, "Approximating KL divergence" (2020), with r = p_reference / p_policy: k1 = -log r (unbiased,
    of either sign), k2 = (log r)^2 / 2 (biased), k3 = (r - 1) - log r (unbiased, never below 0). In k3 a log
    r above `MAX_LOG_RATIO` counts as that and has no gradient.

    Raises:
        ValueError: `kind` is not k1, k2 or k3.
    """
    log_ratio = reference_log_probs - log_probs
    if kind == "k1":
        return -log_ratio
    if kind == "k2":
        return 0.5 * log_ratio.square()
    if kind == "k3":
        log_ratio = log_ratio.clamp(max=MAX_LOG_RATIO)
        return torch.expm1(log_ratio) - log_ratio
    raise ValueError(f"kind {kind!r} is not one of k1, k2, k3")


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """1 - Var(returns - values) / Var(returns): 1 is perfect, 0 is a constant's; NaN of equal returns."""
    variance = returns.var(correction=0)
    return float("nan") if variance == 0 else float(1 - (returns - values).var(correction=0) / variance)
