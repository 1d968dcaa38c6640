"""Numbers of the command line, as argparse's types: what is none is refused with the option's name."""

from __future__ import annotations

import argparse
from math import inf


def count(text: str) -> int:
    """At least 1."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


def port(text: str) -> int:
    """Of an address; 0 is a free one."""
    if not 0 <= (value := int(text)) <= 65_535:
        raise argparse.ArgumentTypeError(f"{value} is not from 0 to 65535")
    return value


def seconds(text: str) -> float:
    """Above 0, and finite."""
    if not 0 < (value := float(text)) < inf:
        raise ValueError
    return value
