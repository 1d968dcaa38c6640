"""Outside of the DAG: a study, from its grid over its runs to its page (`stepsearch compare NAME`).

A run whose results are there is not made again; one that was killed goes on from its last checkpoint; one
that fails is named, and the others are made. The grid comes first, as it says with which learning rate and
KL the variants are run.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from statistics import fmean

from filelock import FileLock, Timeout
from tqdm import tqdm

from stepsearch_core.base.errors import DataError, ExplainedError
from stepsearch_core.base.io import read_object
from stepsearch_core.base.terminal import terminal
from stepsearch_core.params import ParamsError
from stepsearch_core.studies.provenance import FACTS
from stepsearch_core.studies.reading import read_log
from stepsearch_core.studies.runs import Run, main_runs, tuning_runs, tuning_study
from stepsearch_core.studies.study import Study, read_study
from stepsearch_core.studies.tuning import Grids, chosen_points, grids, score_of
from tasks.copies import COPIES, RESULTS
from tasks.making import Keyed, is_there, make, with_keys
from tasks.publishing import publish
from tasks.scheduling import Ended

LOCK = COPIES / "lock"


def compare(study: Study, at_most: int | None = None, finished: bool = False) -> list[tuple[Run, str]]:
    """Make what is missing of a study and write its page.

    Args:
        study: what is compared.
        at_most: runs at once; None: as many as fit.
        finished: make no run; the page is of those that are there, while others are made, too.

    Returns:
        The runs that are missing, and why.

    Raises:
        ExplainedError: another comparison is under way, or code is not committed.
        ParamsError: a run's parameters do not fit, or terms are not equal.
    """
    COPIES.mkdir(parents=True, exist_ok=True)
    try:
        with nullcontext() if finished else FileLock(LOCK).acquire(timeout=0):
            tuning = with_keys(tuning_runs(study))
            failed = {} if finished else make(tuning, at_most)
            tuned = _grids(study, tuning)
            runs = with_keys(main_runs(study, chosen_points(tuned)))
            untuned = {name for name, entry in tuned.items() if entry["chosen"] is None}
            ready = {run: key for run, key in runs.items() if study.tuned_as(run.variant) not in untuned}
            failed |= {} if finished else make(ready, at_most)
            missing = [
                (run, _reason(failed.get(key), run in ready))
                for run, key in runs.items()
                if not is_there(key)
            ]
            publish(study, runs, tuned, missing)
    except Timeout:
        raise ExplainedError(f"another comparison is under way here ({LOCK})") from None
    return missing


def plan(study: Study) -> None:
    """Print every run and whether it is there, and how long the others will take if runs like them are."""
    tuning = with_keys(tuning_runs(study))
    compared = with_keys(main_runs(study, chosen_points(_grids(study, tuning))))
    for name, runs in (("grid", tuning), ("runs", compared)):
        there = [key for key in runs.values() if is_there(key)]
        for run, key in runs.items():
            print(f"{'there  ' if is_there(key) else 'to make'}  {run.title}")
        missing = len(runs) - len(there)
        seconds = [read_object(RESULTS / key / "run.json", FACTS)["seconds"] for key in there]
        took = f", {tqdm.format_interval(missing * fmean(seconds))} one after the other" if seconds else ""
        print(f"{name}: {len(there)} of {len(runs)} are there, {missing} to make{took if missing else ''}")


def _grids(study: Study, tuning: Keyed) -> Grids:
    """What the grid came to, as far as it is there."""
    scores = {run: score_of(read_log(RESULTS / key)) for run, key in tuning.items() if is_there(key)}
    other = tuning_study(study)
    return grids(list(tuning), scores, len(other.tuning.replicates)) if other else {}


def _reason(ended: Ended | None, ready: bool) -> str:
    if not ready:
        return "not begun, as runs of its grid are missing"
    return "not made yet" if ended is None or ended.reason is None else ended.reason


@terminal()
def main(arguments: Sequence[str] | None = None) -> None:
    """Compare from the command line; exit with 1 if runs are missing."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) != signal.SIG_IGN:  # as nohup sets it
            signal.signal(ending, signal.default_int_handler)  # what runs in copies is ended first
    parser = argparse.ArgumentParser(prog="python -m tasks.compare", description="See stepsearch compare.")
    parser.add_argument("study", metavar="NAME")
    parser.add_argument("--jobs", type=int, metavar="N")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--finished", action="store_true")
    options = parser.parse_args(arguments)
    try:
        study = read_study(options.study)
        if options.plan:
            plan(study)
            return
        missing = compare(study, options.jobs, options.finished)
    except (DataError, ExplainedError, ParamsError) as error:
        sys.exit(f"compare: {error}")
    for run, reason in missing:
        print(f"missing: {run.title}: {reason}", file=sys.stderr)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
