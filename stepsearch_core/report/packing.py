"""Data that a page carries: JSON, compressed and written in an alphabet that ends no script element.

A browser unpacks a chunk when it is asked for (`templates/viewer/data.js`). Base64 has no `<`, so nothing in
the data can close its element or open a comment. Compressed, the records of the default run take a seventh
of their plain size.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Callable
from typing import Any

Chunks = dict[str, str]
"""name -> packed value"""

FIRST = 64
"""How many are packed first, to see how many fit."""
WORTHWHILE = 1.05
"""By how much more are packed anew: the more there are, the less each takes."""


def pack(value: Any) -> str:
    """The value as JSON, by gzip (without a time, so that equal values look alike), in base64."""
    text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def pack_within(count: int, make: Callable[[int], Chunks], limit: float) -> tuple[int, Chunks]:
    """As many as fit, or nearly, and their chunks.

    Args:
        count: how many there are.
        make: packs the first so many of them.
        limit: bytes that all chunks together may have.
    """
    taken = min(count, FIRST)
    chunks = make(taken)
    while taken < count and (fitting := int(taken * limit / _size(chunks))) >= min(
        count, taken * WORTHWHILE
    ):
        taken = min(count, fitting)
        chunks = make(taken)
    while taken and _size(chunks) > limit:
        taken = min(taken - 1, int(taken * limit / _size(chunks)))
        chunks = make(taken)
    return (taken, chunks) if taken else (0, {})


def _size(chunks: Chunks) -> int:
    return sum(map(len, chunks.values()))


def _finite(value: Any) -> Any:
    """JSON has no infinite numbers: they become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
