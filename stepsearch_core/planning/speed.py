"""What a GPU is taken to do: shares of its published figures, as assumptions that the plan prints."""

from __future__ import annotations

from dataclasses import dataclass

from stepsearch_core.params.cards import CARDS

COMPUTE_SHARE = 0.4
"""Of the peak, in forward and backward passes: "model FLOPs utilisation".

Chowdhery et al. (arXiv 2204.02311, section 4.1) have .46 for PaLM and .21 to .33 for models before it.
"""
BANDWIDTH_SHARE = 0.7
"""Of the memory bandwidth, where decoding reads weights and cache."""
PASS_SECONDS = {"vllm": 0.003, "transformers": 0.025}
"""Of a decoding pass besides what it reads: launching kernels and scheduling.

Qwen's speed benchmarks, batch size 1: Qwen3-0.6B takes 2.4 ms a token with captured passes (SGLang, H20),
and transformers 20 ms for the 24 layers of Qwen2-0.5B (A100).
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one GPU is taken to do."""

    flops: float
    """A second."""
    bandwidth: float
    """Bytes a second."""
    pass_seconds: float
    """Of a decoding pass, besides what it reads."""


def rates(card: str, engine: str) -> Rates:
    """The rates of a card of `CARDS` that decodes with the sampling engine `engine`."""
    published = CARDS[card]
    return Rates(
        published.tflops * 1e12 * COMPUTE_SHARE,
        published.bandwidth * 1e9 * BANDWIDTH_SHARE,
        PASS_SECONDS[engine],
    )
