"""What all measurements share: sides timed in turn, medians of pairs, the table and a last line of JSON."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

PROFILES = Path(__file__).parents[1] / "conf"
"""The profiles of this checkout, wherever a measurement works."""


def engines() -> list[str]:
    """The sampling engines that are installed."""
    return ["transformers", *(["vllm"] if find_spec("vllm") else [])]


class Measured(NamedTuple):
    """What one part of a measurement gives to `report`."""

    figures: dict[str, Any]
    both_sides: dict[str, Any]
    workload: dict[str, Any]
    """Under the part's name, what was run."""


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def peak_bytes(action: Callable[[], object]) -> int:
    """The most that tensors made within one call hold at once in main memory, as torch allocates it."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        action()
    events = seen.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate((size for _, size in changes), initial=0))


def in_turn(sides: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """The value of every side, `repeats` times; sides take turns, so that a busy machine hits them alike."""
    values: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            values[name].append(side())
    return values


def median_of_pairs(
    pair: Callable[[float, float], float], values: Sequence[float], others: Sequence[float]
) -> float:
    """Median over rounds of what `pair` makes of the two sides' values, such as their ratio."""
    return statistics.median(pair(value, beside) for value, beside in zip(values, others, strict=True))


def sha256_of(value: Any) -> str:
    """Hash of a workload: of its JSON with sorted keys; a `Path` counts by the bytes of its file."""
    text = json.dumps(
        value, sort_keys=True, default=lambda path: hashlib.sha256(Path(path).read_bytes()).hexdigest()
    )
    return hashlib.sha256(text.encode()).hexdigest()


def report(
    name: str,
    figures: Mapping[str, Any],
    both_sides: Mapping[str, Any],
    repeats: int,
    workload: Any,
    **about: Any,
) -> None:
    """Print the figures as a table and, as the last line, everything as one JSON object.

    Args:
        name: what follows `python -m perf`.
        figures: what the measurement is for; an interval prints with its bounds.
        both_sides: the absolute values of each side, a list over repeats or one value.
        repeats: how often both sides ran.
        workload: what was run; its hash tells whether two measurements compare.
        about: more about the workload.
    """
    for figure, value in figures.items():
        print(f"{figure:28} {_cell(value)}")
    for side, values in both_sides.items():
        print(f"  {side:26} {_cell(statistics.median(values) if isinstance(values, list) else values)}")
    described = {"repeats": repeats, "sha256": sha256_of(workload), **about}
    line = {"perf": name, "figures": figures, "both_sides": both_sides, "workload": described}
    print(json.dumps(line))


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['value']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]  n = {value['n']}"
    return f"{value:12.4g}"
