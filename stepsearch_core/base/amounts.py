"""Amounts as a message says them."""

from __future__ import annotations


def gigabytes(size: float) -> str:
    """A number of bytes, in units of 10^9."""
    return f"{size / 1e9:.1f} GB"
