"""How fast a training run goes: the seconds of its steps, kept beside its results for `stepsearch plan`.

A file of JSON lines: the run's settings first, then a row for each step. A resumed run writes
the steps before it once more. It lies where DVC does not look, since no run takes as long as another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_jsonl, write_jsonl
from stepsearch_core.metrics.timing import TIMING
from stepsearch_core.params import Params
from stepsearch_core.training.tracker import PHASES

FILE = "train_steps.jsonl"
_SECTIONS = ("model", "environment", "rollout", "retrieval", "train")


@dataclass(frozen=True, slots=True)
class Pace:
    """What a run took so far."""

    settings: dict[str, Any]
    """What decides how long a step takes, by dotted keys."""
    rows: list[dict[str, float]]
    """`step`, and the seconds of it: `seconds` in all and those of each of `PHASES`."""

    @property
    def done(self) -> int:
        """The last step."""
        return int(self.rows[-1]["step"])

    def mean(self, name: str = "seconds") -> float:
        """Mean over steps; without the first, in which kernels are chosen, if there are three."""
        counted = self.rows[1:] if len(self.rows) > 2 else self.rows
        return sum(row[name] for row in counted) / len(counted)

    def differences(self, params: Params) -> list[str]:
        """Dotted keys of the settings that are others in `params`."""
        here = settings(params)
        return [key for key in {**here, **self.settings} if here.get(key) != self.settings.get(key)]


class PaceTracker:
    """Writes the seconds of every step; a `Tracker`."""

    def __init__(self, path: Path, params: Params) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = [{"settings": settings(params)}]

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add a step; what is no step (the validation before the first) is left out."""
        if f"{TIMING}step" not in metrics:
            return
        phases = {phase: metrics[f"{TIMING}{phase}"] for phase in PHASES}
        self._rows.append({"step": step, "seconds": metrics[f"{TIMING}step"], **phases})
        write_jsonl(self._path, self._rows)

    def close(self) -> None:
        """Nothing is pending."""


def settings(params: Params) -> dict[str, Any]:
    """The values of the sections that decide how long a step takes, by dotted keys."""
    values = {
        f"{name}.{key}": value for name in _SECTIONS for key, value in asdict(getattr(params, name)).items()
    }
    return {key: value for key, value in values.items() if key != "train.steps"}


def read_pace(path: Path, params: Params) -> Pace | None:
    """The pace of the last run here, if it trained the model of `params`.

    Raises:
        DataError: the file is damaged.
    """
    if not path.is_file():
        return None
    first, *rows = [row for _, row in read_jsonl(path)] or [{}]
    if "settings" not in first:
        raise DataError("does not begin with the settings of a run; remove the file", path, 1)
    pace = Pace(first["settings"], rows)
    other_model = any(key.startswith("model.") for key in pace.differences(params))
    return pace if rows and not other_model else None
