"""The training loop around `Trainer.step`: resume, validate, log, stop a collapse, show progress, save."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from stepsearch_core.base.ranks import is_main
from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.learning.distributed import progress
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.metrics.measures import MEASURES
from stepsearch_core.metrics.timing import TIMING
from stepsearch_core.params import GuardParams
from stepsearch_core.training.guard import Guard
from stepsearch_core.training.tracker import Tracker
from stepsearch_core.training.trainer import Trainer

Keep = Callable[[int, Sequence[Trajectory]], list[dict[str, Any]]]


def train(
    trainer: Trainer,
    folder: RunFolder,
    validation: Sequence[Question],
    limits: GuardParams,
    tracker: Tracker | None,
    keep: Keep,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train to the last step, from the folder's last checkpoint.

    Args:
        trainer: fresh; a checkpoint is loaded into it.
        folder: locked by the caller.
        validation: questions answered greedily before the first step and every `validate_every` steps.
        limits: end a run that collapses.
        tracker: gets every row, those before a resume first; None for none, as on all ranks but one.
        keep: gets each step's trajectories and returns the records to keep of them.

    Returns:
        One row of metrics for each step, and the records kept, those before a resume first.

    Raises:
        CollapseError: a limit of `watch.guard` was broken for too long.
        DataError: there are checkpoints, but none is whole; or a new one does not read back.
    """
    params = trainer.params
    start = folder.last_step()
    history: list[dict[str, Any]]
    history = folder.rows(start, "history") if start else [_row(0, trainer.validate(validation))]
    kept = folder.rows(start, "kept") if start else []
    if start:
        trainer.load(folder.checkpoint(start))
        trainer.mismatch.steps_beyond = int(history[-1].get("mismatch/steps_beyond", 0))
        logging.getLogger("train").info("resuming after step %d of %d", start, params.steps)
    for row in history:
        _log(tracker, row)
    guard = Guard(limits, folder)
    guard.check(history)
    warned: set[str] = set()
    began = time.perf_counter()
    with progress(range(start + 1, params.steps + 1), "train", "step") as bar:
        for step in bar:
            metrics, trajectories = trainer.step(step)
            if step % params.validate_every == 0 or step == params.steps:
                metrics |= trainer.validate(validation)
            ended = time.perf_counter()
            row = _row(step, metrics | {f"{TIMING}step": ended - began})
            began = ended
            history.append(row)
            _log(tracker, row)
            guard.check([row])
            if is_main():
                _warn(row, warned)
            kept += keep(step, trajectories)
            bar.set_postfix(
                f1=f"{metrics['f1']:.3f}", reward=f"{metrics['reward/total']:.3f}", refresh=False
            )
            if step % params.checkpoint_every == 0 or step == params.steps:
                folder.save(step, trainer.learner.save, {"history": history, "kept": kept}, guard.since)
    return history, kept


def _warn(row: dict[str, Any], warned: set[str]) -> None:
    """Say, once a run, what of a step was beyond the limits of what policies are shown and can write."""
    for measure in MEASURES:
        value = row.get(measure.key, 0.0)
        if measure.is_beyond(value) and measure.key not in warned:
            warned.add(measure.key)
            logging.getLogger("train").warning(
                "step %d: %.1f%% %s", row["step"], 100 * value, measure.problem
            )


def _log(tracker: Tracker | None, row: dict[str, Any]) -> None:
    if tracker is not None:
        tracker.log(row["step"], row)


def _row(step: int, metrics: dict[str, float]) -> dict[str, Any]:
    """A row of the history; what is not defined in a step (explained variance of equal returns, say) is left
    out.
    """
    return {"step": step, **{name: value for name, value in metrics.items() if math.isfinite(value)}}
