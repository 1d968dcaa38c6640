"""Metrics into the trackers that `watch.trackers` names: DVCLive (for `dvc plots`), TensorBoard, wandb.

DVCLive's files are outputs of the stage, which two runs must write alike: they hold no metric that measures
time. The others write outside of `data/train`, and everything.

A resumed run logs its earlier rows again, in order, so each tracker starts afresh and shows one curve from
step 0.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import ParamsError
from stepsearch_core.training.pace import PaceTracker

TENSORBOARD = Path("tensorboard")
"""Where `tensorboard --logdir` finds the last run."""


class DvcLiveTracker:
    """One DVCLive step for each row; a `Tracker` of `stepsearch_core.training`, as all here."""

    def __init__(self, folder: Path) -> None:
        from dvclive import Live

        self._live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append each metric to its own file of points."""
        self._live.step = step
        for name, value in _named(untimed(metrics)):
            self._live.log_metric(name, value)
        self._live.make_summary()

    def close(self) -> None:
        """Write what is pending."""
        self._live.end()


class TensorBoardTracker:
    """One event file in `folder`, with a scalar for each metric."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)  # TensorBoard draws every event file that it finds
        self._writer = SummaryWriter(str(folder))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write a step's scalars to the disk, for a TensorBoard that is looking on."""
        for name, value in _named(metrics):
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()


class WandbTracker:
    """A wandb run of its own for each process that trains; its files stay out of `data/train`.

    `wandb sync` marks a run's folder, which as a part of a stage's outputs would make the stage stale. All
    of wandb's environment variables hold: WANDB_MODE=offline needs no network, WANDB_DIR says where
    (default: `wandb/` here).
    """

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        """Start the run, with a name and the parameters to show with it.

        Raises:
            ParamsError: wandb cannot start one, without a login say.
        """
        import wandb

        project = os.environ.get("WANDB_PROJECT", "stepsearch")
        name = os.environ.get("WANDB_NAME", name)
        settings = wandb.Settings(console="off")  # progress bars
        try:
            self._run = wandb.init(project=project, name=name, config=dict(config), settings=settings)
        except (wandb.Error, ValueError) as error:  # a ValueError for what its variables may not be
            reason = " ".join(str(error).split()).rstrip(".")
            advice = "WANDB_MODE=offline needs neither network nor login"
            raise ParamsError(f"watch.trackers: wandb: {reason}; {advice}") from None

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log a row."""
        self._run.log(dict(_named(metrics)), step=step)

    def close(self) -> None:
        """Upload what is pending."""
        self._run.finish()


class Trackers:
    """The trackers of these names, and what measures the pace, as one.

    Args:
        names: out of `dvclive`, `tensorboard`, `wandb`.
        folder: gets DVCLive's files.
        run: what wandb calls the run.
        config: parameters that wandb shows with it.
        pace: gets every row as they do; None for none.

    Raises:
        ParamsError: wandb cannot start a run.
    """

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        run: str,
        config: Mapping[str, Any],
        pace: PaceTracker | None = None,
    ) -> None:
        self._trackers: list[DvcLiveTracker | TensorBoardTracker | WandbTracker | PaceTracker]
        self._trackers = [] if pace is None else [pace]
        if "dvclive" in names:
            self._trackers.append(DvcLiveTracker(folder / "dvclive"))
        if "tensorboard" in names:
            self._trackers.append(TensorBoardTracker(TENSORBOARD))
        if "wandb" in names:
            self._trackers.append(WandbTracker(run, config))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Give all of them the row of a step."""
        for tracker in self._trackers:
            tracker.log(step, metrics)

    def close(self) -> None:
        """Let all of them finish."""
        for tracker in self._trackers:
            tracker.close()


def check_installed(names: Sequence[str]) -> None:
    """Make sure that the packages of these trackers are there.

    Raises:
        ParamsError: one is not.
    """
    for name in names:
        if find_spec(name) is None:
            raise ParamsError(
                f"watch.trackers: {name} is not installed; pip install --editable '.[trackers]'"
            )


def _named(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The metrics of a row, without the number of its step."""
    return [(name, value) for name, value in metrics.items() if name != "step"]
