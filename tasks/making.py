"""Makes what is missing of a study's runs, each in a copy; what they have in common before training once."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from stepsearch_core.params import ParamsError
from stepsearch_core.runtime.software import versions
from stepsearch_core.studies.reading import read_log
from stepsearch_core.studies.runs import Run
from stepsearch_core.studies.tuning import score_of
from tasks.anchored import anchored
from tasks.copies import COPIES, RESULTS, Copy, cache_folder
from tasks.run_keys import SHARED, check_committed, run_key, run_keys
from tasks.scheduling import Ended, Environment, Job, run_jobs
from tasks.slots import slots

Keyed = Mapping[Run, str]
"""Runs, in their order, with what their results are kept under."""


def with_keys(runs: Sequence[Run]) -> Keyed:
    """The runs with their keys, and with paths that hold in every copy.

    Raises:
        ParamsError: variants would not start from the same warm start, or two runs' experiments would have
            one name.
    """
    starts: dict[tuple[str, int], tuple[str, Run]] = {}
    named: dict[str, Run] = {}
    keyed = {}
    for run in (replace(run, params=anchored(run.params)) for run in runs):
        start, key = run_keys(run.params, SHARED, run.target)
        first, other = starts.setdefault((run.setting, run.replicate), (start, run))
        if start != first:
            raise ParamsError(
                f"{run.study}: {run.variant} and {other.variant} differ in what comes before training: every"
                " variant starts from the same warm start (what all of them have otherwise is a setting)"
            )
        if run.point is None and named.setdefault(name := experiment_name(run), run) is not run:
            raise ParamsError(
                f"{run.study}: {run.title} and {named[name].title} would both be the experiment {name}:"
                " rename one (names of experiments have ASCII letters and digits, all else is a hyphen)"
            )
        keyed[run] = key
    return keyed


def is_there(key: str) -> bool:
    """Whether a run's results are."""
    return (RESULTS / key / "run.json").is_file()


def make(runs: Keyed, at_most: int | None) -> dict[str, Ended]:
    """Make those of the runs that are missing; returns how each of these ended, by its key.

    Raises:
        UncommittedError: what stages import is not as the last commit has it.
    """
    missing = {key: run for run, key in runs.items() if not is_there(key)}
    if not missing:
        return {}
    commit = check_committed([(run.params, run.target) for run in missing.values()])
    copy_of = partial(Copy, commit=commit, cache=cache_folder())
    places = slots([run.params for run in missing.values()], at_most)
    shared: dict[str, Job] = {}
    made = []
    for key, run in missing.items():
        start = run_key(run.params, SHARED)
        if start not in shared and not _marker(start).is_file():
            copy = copy_of(f"start_{start}")
            title = f"warm start of {', '.join(filter(None, (run.setting, run.where)))}"
            shared[start] = Job(start, title, partial(_make_start, copy, run, start), copy.stop)
        copy = copy_of(key)
        after = (start,) if start in shared else ()
        made.append(Job(key, run.title, partial(_make_run, copy, run, key), copy.stop, after))
    print(f"{len(made)} runs to be made, {len(places)} at once, and {len(shared)} warm starts before them")
    began = time.monotonic()
    ended = run_jobs([*shared.values(), *made], places)
    wall, total = time.monotonic() - began, sum(job.seconds for job in ended.values())
    share = total / len(places)
    print(
        f"wall time {tqdm.format_interval(wall)}; one after the other {tqdm.format_interval(total)}, or"
        f" {tqdm.format_interval(share)} for each of {len(places)} at once: ratio {wall / share:.2f}"
    )
    return {key: ended[key] for key in missing}


def _make_start(copy: Copy, run: Run, start: str, place: Environment) -> str:
    """The stages before training, which the runs find in DVC's cache."""
    copy.prepare(run.params)
    copy.execute("dvc", "repro", SHARED, **place)
    copy.discard()
    _marker(start).touch()
    return "made"


def _make_run(copy: Copy, run: Run, key: str, place: Environment) -> str:
    began = time.monotonic()
    copy.prepare(run.params)
    whole = run.point is None  # an experiment has all stages
    stages = () if whole else (run.target,)
    copy.execute("dvc", "repro", *stages, **place, STEPSEARCH_CHECK="off")
    if whole:
        copy.save_experiment(experiment_name(run))
    facts = {
        "study": run.study,
        "run": run.title,
        "overrides": list(run.overrides),
        "experiment": experiment_name(run) if whole else None,
        "commit": copy.commit,
        "packages": versions(),
        "seconds": time.monotonic() - began,
    }
    copy.keep(key, run.target, facts)
    return f"validation F1 {score_of(read_log(RESULTS / key)):.3f} on average over training"


def _marker(start: str) -> Path:
    """There once the cache has the stages before training of a warm start."""
    return COPIES / f"{start}.made"


def experiment_name(run: Run) -> str:
    """The name of its DVC experiment, as git takes it."""
    name = re.sub(r"\.(?!\d)|[^A-Za-z0-9.]", " ", f"{run.study} {run.title}")  # dots of numbers alone
    return "-".join(name.split()).strip(".")
