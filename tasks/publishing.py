"""Writes what a study came to: `studies/NAME/{index.html,results.md,analysis.json}`, if anything is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsearch_core.base.hashes import sha256_files, sha256_json
from stepsearch_core.base.io import atomic_write, read_object, write_json
from stepsearch_core.report.trajectories import KeptTrajectory, read_kept
from stepsearch_core.studies.analysis import analyse
from stepsearch_core.studies.markdown import study_markdown
from stepsearch_core.studies.page import render_study
from stepsearch_core.studies.provenance import provenance
from stepsearch_core.studies.reading import read_outcome
from stepsearch_core.studies.runs import Run
from stepsearch_core.studies.study import PAGES, Study
from stepsearch_core.studies.tuning import Grids
from tasks.copies import RESULTS
from tasks.making import Keyed, is_there

PAGE_CODE = [Path(__file__).parents[1] / "stepsearch_core" / part for part in ("report", "studies")]
"""What a page is made by."""


def publish(study: Study, runs: Keyed, tuned: Grids, missing: Sequence[tuple[Run, str]]) -> None:
    """Write the page of the runs that are there, or nothing without one; it says which are missing.

    Raises:
        DataError: results of a run are damaged.
    """
    there = {run: RESULTS / key for run, key in runs.items() if is_there(key)}
    page = PAGES / study.name / "index.html"
    if not there:
        print("no run is there: no page")
        return
    lost = [
        {"setting": run.setting, "variant": run.variant, "replicate": run.replicate, "reason": reason}
        for run, reason in missing
    ]
    by = sha256_json(
        [asdict(study), list(runs.values()), list(map(str, there.values())), tuned, lost, _code()]
    )
    analysis_file = page.with_name("analysis.json")
    if page.is_file() and analysis_file.is_file() and read_object(analysis_file).get("made_by") == by:
        print(f"nothing new: {page}")
        return
    outcomes = [read_outcome(run, folder) for run, folder in there.items()]
    analysis: dict[str, Any] = analyse(study, outcomes)
    analysis |= {"missing": lost, "tuning": tuned, "provenance": provenance(there), "made_by": by}
    with atomic_write(page) as file:
        file.write(render_study(analysis, outcomes, _kept(study, there)))
    with atomic_write(page.with_name("results.md")) as file:
        file.write(study_markdown(analysis))
    write_json(analysis_file, analysis)
    print(f"page of {len(there)} of {len(runs)} runs: {page}")


def _kept(study: Study, there: Mapping[Run, Path]) -> list[KeptTrajectory]:
    """What training kept in the first run of the variant that the study is about."""
    about = [folder for run, folder in there.items() if run.variant == next(iter(study.variants))]
    return read_kept(about[0] / "data" / "train" / "trajectories.jsonl") if about else []


def _code() -> str:
    return sha256_json(sha256_files(PAGE_CODE))
