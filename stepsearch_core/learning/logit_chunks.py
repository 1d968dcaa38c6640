"""What training, its plan and its check know of `token_log_probs`, without torch: the size of a chunk."""

from __future__ import annotations

CHUNK_BYTES, GPU_CHUNK_BYTES = 1 << 25, 1 << 27
"""Of a chunk's float32 logits. On a CPU what fits its cache is fastest (measured). On a GPU some hundred
tokens make products of matrices that are worth reading the weights for (worked out).
"""
LIGER_PACKAGES = {"liger_kernel": "liger-kernel", "triton": "triton"}
"""What `train.log_probs: liger` imports: modules, and the packages that they are of. liger-kernel can be
installed without triton, which it cannot be imported without.
"""
LIGER_REMEDY = "pip install --editable '.[gpu]', or chunked"
"""What to do where one of them is missing."""


def chunk_tokens(on_gpu: bool, vocab_size: int) -> int:
    """Tokens of a chunk, at least 1."""
    return max(1, (GPU_CHUNK_BYTES if on_gpu else CHUNK_BYTES) // (4 * vocab_size))
