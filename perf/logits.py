"""Log-probabilities of 4,096 policy tokens over a vocabulary of 49,152, and their backward pass.

`logits_memory_ratio` is the most that torch holds at once with all logits in memory over the same by chunks;
`logits_time_ratio` the seconds by chunks over those of the plain computation. Both sides make entropies
without a gradient, as training does, and gradients of hidden states and output layer (576 wide, as
SmolLM2-135M's). Figures are of bfloat16 weights; those of float32 have it in their names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import Tensor, nn

from perf.measure import in_turn, median_of_pairs, peak_bytes, report, seconds
from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.learning.token_log_probs import TokenLogProbs

VOCABULARY = 49_152
HIDDEN = 576
TOKENS = 4096


def main(quick: bool) -> None:
    """Measure memory once, for it does not vary, and time all sides in turn; print the ratios."""
    repeats, tokens = (1, TOKENS // 4) if quick else (5, TOKENS)
    figures: dict[str, float] = {}
    both_sides: dict[str, list[float]] = {}
    for dtype, mark in ((torch.bfloat16, ""), (torch.float32, "_float32")):
        passes = both_passes(tokens, dtype)
        memory = {f"{side}_bytes": [float(peak_bytes(run))] for side, run in passes.items()}
        timed = {f"{side}_seconds": lambda run=run: seconds(run) for side, run in passes.items()}
        values = memory | in_turn(timed, repeats)
        figures[f"logits_memory_ratio{mark}"] = values["plain_bytes"][0] / values["chunked_bytes"][0]
        figures[f"logits_time_ratio{mark}"] = median_of_pairs(
            operator.truediv, values["chunked_seconds"], values["plain_seconds"]
        )
        both_sides |= {f"{name}{mark}": row for name, row in values.items()}
    report("logits", figures, both_sides, repeats, [tokens, VOCABULARY, HIDDEN], tokens=tokens)


def both_passes(tokens: int, dtype: torch.dtype) -> dict[str, Callable[[], list[Tensor]]]:
    """Forward and backward pass of each side on the same tokens: gives the loss and all gradients."""
    seed_torch(0, Name.MEASUREMENT)
    head = nn.Linear(HIDDEN, VOCABULARY, bias=False, dtype=dtype)
    hidden = torch.randn(tokens, HIDDEN, dtype=dtype)
    targets = torch.randint(0, VOCABULARY, (tokens,))
    weights = torch.randn(tokens)
    chunked = TokenLogProbs()

    def gradients(scores: Callable[[Tensor], Tensor]) -> list[Tensor]:
        states = hidden.clone().requires_grad_()
        loss = (weights * scores(states)).sum()
        return [loss.detach(), *torch.autograd.grad(loss, [states, head.weight])]

    def plain_scores(states: Tensor) -> Tensor:
        logits = head(states).float()
        with torch.no_grad():
            log_probs = torch.log_softmax(logits, dim=-1)
            (log_probs.exp() * log_probs).sum(dim=-1)
            del log_probs
        return -nn.functional.cross_entropy(logits, targets, reduction="none")

    return {
        "plain": lambda: gradients(plain_scores),
        "chunked": lambda: gradients(lambda states: chunked(states, head, targets, 1.0, True)[0]),
    }
