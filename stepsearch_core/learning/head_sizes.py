"""Sizes of value heads, where nobody needs torch to know them."""

from __future__ import annotations

SUMMARY = 4
"""Numbers that an informed head makes of a state: more of them fit noise, and explain less held out."""
INFORMED_WIDTH = 32


def head_parameters(hidden: int, known: int) -> int:
    """Parameters of a head of one value; with nothing `known` it is no informed one."""
    if not known:
        return _two_layers(hidden, hidden)
    return (hidden + 1) * SUMMARY + _two_layers(SUMMARY + known, INFORMED_WIDTH)


def _two_layers(inputs: int, width: int) -> int:
    return (inputs + 1) * width + width + 1
