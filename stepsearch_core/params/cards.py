"""Published figures of the GPUs that `hardware.gpu` may name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU's published peaks."""

    tflops: float
    """10^12 operations a second in dense bfloat16 matrix products (with float32 sums)."""
    bandwidth: float
    """10^9 bytes a second, of its memory."""


CARDS = {
    "A10": Card(125, 600),
    "A10G": Card(70, 600),
    "A40": Card(150, 696),
    "A6000": Card(155, 768),
    "A100-40GB": Card(312, 1555),
    "A100-80GB": Card(312, 2039),
    "B200": Card(2250, 8000),
    "H100": Card(989, 3350),
    "H100-PCIe": Card(756, 2000),
    "H200": Card(989, 4800),
    "H800": Card(989, 3350),
    "L4": Card(121, 300),
    "L40S": Card(362, 864),
    "RTX-3090": Card(71, 936),
    "RTX-4090": Card(165, 1008),
    "RTX-5090": Card(209, 1792),
}
"""From NVIDIA's data sheets, SXM modules unless the name says otherwise; "with sparsity" counts half. Cards
without bfloat16 (V100, T4) are left out: nothing here trains in float16.
"""
