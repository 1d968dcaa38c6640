"""Outside of the DAG: a study, from its grid over its runs to its page (`stepsearch compare NAME`).

    python -m tasks.compare methods [--jobs 2] [--plan | --finished]

A run whose results are there is not made again; one that was killed goes on from its last checkpoint; one
that fails is named, and the others are made. Stages before training are run once for each warm start.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from stepsearch_core.base.errors import DataError, ExplainedError
from stepsearch_core.base.terminal import terminal
from stepsearch_core.params import ParamsError
from stepsearch_core.runtime.software import versions
from stepsearch_core.studies.reading import read_log
from stepsearch_core.studies.runs import Run, main_runs, tuning_runs, tuning_study
from stepsearch_core.studies.study import Study, read_study
from stepsearch_core.studies.tuning import grids, score_of
from tasks.copies import COPIES, RESULTS, Copy
from tasks.run_keys import SHARED, check_committed, run_key
from tasks.scheduling import Ended, Environment, Job, run_jobs
from tasks.slots import slots

LOCK = COPIES / "lock"


def compare(study: Study, at_most: int | None = None, finished: bool = False) -> int:
    """Make what is missing of a study and write its page; returns how many of its runs are missing.

    Args:
        study: what is compared.
        at_most: runs at once; None: as many as fit.
        finished: make no run; the page is of those that are there.

    Raises:
        ExplainedError: another comparison is under way, or code is not committed.
        ParamsError: a run's parameters do not fit, or terms are not equal.
    """
    COPIES.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(LOCK).acquire(timeout=0):
            tuning = with_keys(tuning_runs(study))
            failed = {} if finished else make(tuning, at_most)
            tuned = grids_of(study, tuning)
            runs = with_keys(main_runs(study, points(tuned)))
            failed |= {} if finished else make(runs, at_most)
            missing = reasons(study, runs, tuned, failed)
            publish(study, runs, tuned, missing)
    except Timeout:
        raise ExplainedError(f"another comparison is under way here ({LOCK})") from None
    for run, reason in missing:
        print(f"missing: {run.title}: {reason.splitlines()[0]}")
    return len(missing)


def with_keys(runs: Sequence[Run]) -> dict[Run, str]:
    """The runs, in their order, each with its key.

    Raises:
        ParamsError: variants would not start from the same warm start.
    """
    starts: dict[tuple[str, int], tuple[str, Run]] = {}
    for run in runs:
        start = run_key(run.params, SHARED)
        first, other = starts.setdefault((run.setting, run.replicate), (start, run))
        if start != first:
            raise ParamsError(
                f"{run.study}: {run.variant} and {other.variant} differ in what comes before training:"
                " every variant starts from the same warm start (what all runs have differently is a setting)"
            )
    return {run: run_key(run.params, run.target) for run in runs}


def make(runs: Mapping[Run, str], at_most: int | None) -> dict[str, Ended]:
    """Make those of the runs that are missing; how each of these ended, by its key."""
    missing = {key: run for run, key in runs.items() if not is_there(key)}
    if not missing:
        return {}
    commit = check_committed([(run.params, run.target) for run in missing.values()])
    places = slots([run.params for run in missing.values()], at_most)
    shared, made = {}, []
    for key, run in missing.items():
        start = run_key(run.params, SHARED)
        if start not in shared and not (COPIES / f"{start}.made").is_file():
            copy = Copy(f"start_{start}", commit)
            title = f"warm start of {', '.join(filter(None, (run.setting, run.where)))}"
            shared[start] = Job(start, title, partial(_make_start, copy, run, start), copy.stop)
        copy = Copy(key, commit)
        after = (start,) if start in shared else ()
        made.append(Job(key, run.title, partial(_make_run, copy, run, key, commit), copy.stop, after))
    print(f"{len(made)} runs to be made, {len(places)} at once, and {len(shared)} warm starts before them")
    began = time.monotonic()
    ended = run_jobs([*shared.values(), *made], places)
    wall, total = time.monotonic() - began, sum(job.seconds for job in ended.values())
    share = total / len(places)
    print(
        f"wall time {tqdm.format_interval(wall)}; all of it one after the other {tqdm.format_interval(total)},"
        f" over {len(places)} at once {tqdm.format_interval(share)}: ratio {wall / share:.2f}"
    )
    return {key: ended[key] for key in missing}


def _make_start(copy: Copy, run: Run, start: str, place: Environment) -> str:
    """The stages before training, which the runs find in DVC's cache."""
    copy.prepare(run.params)
    copy.run("dvc", "repro", SHARED, **place)
    copy.discard()
    (COPIES / f"{start}.made").touch()
    return "made"


def _make_run(copy: Copy, run: Run, key: str, commit: str, place: Environment) -> str:
    began = time.monotonic()
    copy.prepare(run.params)
    whole = [] if run.point is None else [run.target]  # an experiment has all stages
    copy.run("dvc", "repro", *whole, **place, STEPSEARCH_CHECK="off")
    if not whole:
        copy.save_experiment(experiment_name(run))
    facts = {
        "study": run.study,
        "run": run.title,
        "overrides": list(run.overrides),
        "experiment": None if whole else experiment_name(run),
        "commit": commit,
        "packages": versions(),
        "seconds": time.monotonic() - began,
    }
    copy.keep(key, run.target, facts)
    return f"validation F1 {score_of(read_log(RESULTS / key)):.3f}, the mean over training"


def experiment_name(run: Run) -> str:
    """The name of its DVC experiment, as git takes it."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{run.study} {run.title}").strip("-.")


def is_there(key: str) -> bool:
    """Whether a run's results are."""
    return (RESULTS / key / "run.json").is_file()


def grids_of(study: Study, tuning: Mapping[Run, str]) -> dict[str, dict[str, Any]]:
    """What the grid came to."""
    runs = list(tuning)
    scores = {
        place: score_of(read_log(RESULTS / tuning[run]))
        for place, run in enumerate(runs)
        if is_there(tuning[run])
    }
    other = tuning_study(study)
    return grids(runs, scores, len(other.tuning.replicates)) if other else {}


def points(tuned: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, str]]:
    """The chosen point of each variant that has one."""
    return {name: entry["chosen"] for name, entry in tuned.items() if entry["chosen"]}


def reasons(study, runs, tuned, failed):
    return [
        (run, failed[key].reason if key in failed else "not made")
        for run, key in runs.items()
        if not is_there(key)
    ]


def publish(study, runs, tuned, missing):
    print(points(tuned))


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Compare from the command line; exit with 1 if runs are missing."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(
        prog="python -m tasks.compare", description="Make a study and its page."
    )
    parser.add_argument("study", metavar="NAME")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--finished", action="store_true")
    options = parser.parse_args(arguments)
    try:
        missing = compare(read_study(options.study), options.jobs, options.finished)
    except (DataError, ExplainedError, ParamsError) as error:
        sys.exit(f"compare: {error}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
