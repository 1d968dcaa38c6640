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
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.guard import Guard
from stepsearch_core.training.selection import Selection
from stepsearch_core.training.tracker import Tracker
from stepsearch_core.training.trainer import Trainer

Keep = Callable[[int, Sequence[Trajectory], Experience], list[dict[str, Any]]]


def train(
    trainer: Trainer,
    folder: RunFolder,
    validation: Sequence[Question],
    limits: GuardParams,
    tracker: Tracker | None,
    keep: Keep,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train to the last step, from the folder's last checkpoint, and load what is to be exported.

    Args:
        trainer: fresh; a checkpoint is loaded into it.
        folder: locked by the caller.
        validation: questions answered greedily before the first step and every `validate_every` steps.
        limits: end a run that collapses.
        tracker: gets every row, those before a resume first; None for none, as on all ranks but one.
        keep: gets what each step sampled and learnt from, and returns the records to keep of it.

    Returns:
        One row of metrics for each step, and the records kept, those before a resume first.

    Raises:
        CollapseError: a limit of `watch.guard` was broken for too long.
        DataError: there are checkpoints, but none is whole; or a new one does not read back.
    """
    params, selection = trainer.params, Selection(trainer.params)
    start = folder.last_step()
    history: list[dict[str, Any]]
    history = folder.rows(start, "history") if start else [_row(0, trainer.validate(validation))]
    kept = folder.rows(start, "kept") if start else []
    if start:
        trainer.load(folder.checkpoint(start))
        trainer.assess.mismatch.steps_beyond = int(history[-1].get("mismatch/steps_beyond", 0))
        logging.getLogger("train").info("resuming after step %d of %d", start, params.steps)
    for row in history:
        _log(tracker, row)
    guard = Guard(limits, folder)
    guard.check(history)
    warned: set[str] = set()
    began = time.perf_counter()
    last = start if selection.ended(history) else params.steps
    with progress(range(start + 1, last + 1), "train", "step") as bar:
        for step in bar:
            metrics, sampled, experience = trainer.step(step)
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
            kept += keep(step, sampled, experience)
            bar.set_postfix(
                f1=f"{metrics['f1']:.3f}", reward=f"{metrics['reward/total']:.3f}", refresh=False
            )
            ended, best = selection.ended(history), selection.best(history)
            if step % params.checkpoint_every == 0 or step in (best, params.steps) or ended:
                stay = [*guard.since, *(() if best is None else (best + 1,))]
                folder.save(step, trainer.learner.save, {"history": history, "kept": kept}, stay)
            if ended:
                logging.getLogger("train").info("step %d: no better for long enough: it ends here", step)
                break
    best = selection.best(history)
    if best is not None and best != history[-1]["step"]:
        trainer.load(folder.checkpoint(best))
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
