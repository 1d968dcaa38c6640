"""What training, its plan and its check know of `token_log_probs`, without torch: the size of a chunk."""

from __future__ import annotations

CHUNK_BYTES = {"cpu": 1 << 25, "cuda": 1 << 27}
"""Of a chunk's float32 logits. On a CPU what fits its cache is fastest (measured). On a GPU some hundred
tokens make products of matrices that are worth reading the weights for (worked out).
"""
LIGER_PACKAGES = {"liger_kernel": "liger-kernel", "triton": "triton"}
"""What `train.log_probs: liger` imports: modules, and the packages that they are of. liger-kernel can be
installed without triton, which it cannot be imported without.
"""
LIGER_REMEDY = "pip install --editable '.[gpu]', or chunked"
"""What to do where one of them is missing."""


def chunk_tokens(device: str, vocab_size: int) -> int:
    """Tokens of a chunk on a device of this type, at least 1."""
    return max(1, CHUNK_BYTES[device] // (4 * vocab_size))
