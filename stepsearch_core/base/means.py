"""The one mean of measured values: of those that are defined, and None where nothing was measured.

None is written as null and shown as a dash or as "not measured". It is never NaN, which spreads, nor 0,
which would claim that something was measured.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are defined; None without any."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def measured(means: dict[str, float | None]) -> dict[str, float]:
    """Only what was measured: a row of a log leaves out the rest."""
    return {name: value for name, value in means.items() if value is not None}
