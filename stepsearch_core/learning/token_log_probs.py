"""Log-probabilities and entropies of tokens from hidden states, in chunks whose logits are not kept.

With a vocabulary of 150,000 the logits of a few thousand tokens are larger than all else in training. Here
they are made for some tokens at a time, and made again in the backward pass: one matrix product more, for
memory that no longer grows with tokens times vocabulary. A chunk is the plain computation, and its gradient
autograd's, so that a batch that fits into one has the same bits.

`torch.nn.functional.linear_cross_entropy` does this without entropies. `train.log_probs: liger` takes
liger-kernel's function in its place, which on GPUs of compute capability 9.0 is one fused kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.logit_chunks import LIGER_REMEDY, chunk_tokens


class TokenLogProbs(nn.Module):
    """Scores given tokens with the output layer of a model. It owns nothing.

    A module, because DeepSpeed sees it use the weights of another one: ZeRO 3 makes them whole for its
    forward and its backward pass (they become its "external parameters" when it first reads them).
    """

    def __init__(self, entropy_gradient: bool = False, kernel: str = "chunked") -> None:
        super().__init__()
        self.entropy_gradient = entropy_gradient
        self._liger = liger_function() if kernel == "liger" else None

    def forward(
        self, hidden: Tensor, head: nn.Linear, targets: Tensor, temperature: float, with_entropy: bool
    ) -> tuple[Tensor, Tensor]:
        """Log-probability of each target and the entropy before it, in nats: [tokens] each, float32.

        Args:
            hidden: [tokens, hidden], what each token is predicted from.
            head: the output layer; frozen, it gets no gradient.
            targets: [tokens], the tokens.
            temperature: logits are divided by it.
            with_entropy: False leaves entropies at 0.
        """
        differentiated = with_entropy and self.entropy_gradient
        if self._liger is None:
            asked = _Asked(temperature, with_entropy, differentiated)
            scores: tuple[Tensor, Tensor] = _Chunks.apply(hidden, head.weight, head.bias, targets, asked)
            return scores
        if head.bias is not None:
            raise DataError("its output layer has a bias, which train.log_probs: liger cannot use", "policy")
        scored = self._liger(hidden, head.weight, targets, temperature, return_entropy=with_entropy)
        if not with_entropy:
            return -scored, torch.zeros_like(scored)
        entropy = scored[1].float()
        return -scored[0], entropy if differentiated else entropy.detach()


def liger_function() -> Any:
    """liger-kernel's: negative log-probabilities and entropies of (hidden, weight, targets, temperature).

    Raises:
        DataError: the package is not installed.
    """
    try:
        from liger_kernel.ops import LigerFusedLinearScaledCrossEntropyFunction
    except ImportError as error:
        raise DataError(f"liger needs a package: {error}; {LIGER_REMEDY}", "train.log_probs") from None
    return LigerFusedLinearScaledCrossEntropyFunction.apply


class _Asked(NamedTuple):
    """What is asked of the scores."""

    temperature: float
    entropy: bool
    entropy_gradient: bool


class _Chunks(torch.autograd.Function):
    """The scores by chunks of tokens, and their gradients by the same chunks again."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        asked: _Asked,
    ) -> tuple[Tensor, Tensor]:
        log_probs = hidden.new_zeros(len(hidden), dtype=torch.float32)
        entropy = torch.zeros_like(log_probs)
        for rows in _chunks(hidden, weight):
            logits = nn.functional.linear(hidden[rows], weight, bias)
            log_probs[rows], scaled = _log_probs(logits, targets[rows], asked.temperature)
            if asked.entropy:
                entropy[rows] = _entropy(scaled)
        ctx.save_for_backward(hidden, weight, bias, targets)
        ctx.asked = asked
        if not asked.entropy_gradient:
            ctx.mark_non_differentiable(entropy)
        return log_probs, entropy

    @staticmethod
    def backward(ctx: Any, *of_scores: Tensor) -> tuple[Any, ...]:
        hidden, weight, bias, targets = ctx.saved_tensors
        of_hidden, of_weight, of_bias = (
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in zip((hidden, weight, bias), ctx.needs_input_grad, strict=False)
        )
        for rows in _chunks(hidden, weight):
            logits = nn.functional.linear(hidden[rows], weight, bias)
            slopes = [of[rows] for of in of_scores[: 1 + ctx.asked.entropy_gradient]]
            of_logits = _gradient(logits, targets[rows], ctx.asked.temperature, slopes)
            del logits
            if of_hidden is not None:
                torch.mm(of_logits, weight, out=of_hidden[rows])
            if of_weight is not None:
                of_weight.addmm_(of_logits.t(), hidden[rows])
            if of_bias is not None:
                of_bias += of_logits.sum(dim=0)
        return of_hidden, of_weight, of_bias, None, None


def _chunks(hidden: Tensor, weight: Tensor) -> Iterator[slice]:
    """The tokens in runs."""
    size = chunk_tokens(hidden.is_cuda, len(weight))
    for start in range(0, len(hidden), size):
        yield slice(start, start + size)


def _gradient(logits: Tensor, targets: Tensor, temperature: float, slopes: list[Tensor]) -> Tensor:
    """Gradient of logits, given those of log-probabilities and, perhaps, of entropies."""
    with torch.enable_grad():
        log_probs, scaled = _log_probs(logits.requires_grad_(), targets, temperature)
        scores = [log_probs] if len(slopes) == 1 else [log_probs, _entropy(scaled)]
        return torch.autograd.grad(scores, logits, slopes)[0]


def _log_probs(logits: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probability of each target [tokens]; logits as they were used [tokens, vocabulary]; float32."""
    scaled = logits.float() / temperature
    return -nn.functional.cross_entropy(scaled, targets, reduction="none"), scaled


def _entropy(logits: Tensor) -> Tensor:
    """Entropy [tokens] in nats of the distributions that logits [tokens, vocabulary] give."""
    log_probs = torch.log_softmax(logits, dim=-1)
    return -(log_probs.exp() * log_probs).sum(dim=-1)
