"""What a study's figures are of: commits, packages, parameters, and the data of each replicate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.io import read_object, read_text
from stepsearch_core.studies.runs import Run

SHOWN = {"fetch": "questions and corpus", "index": "index", "synthesize": "steps", "warmstart": "warm start"}
"""Stages whose results all variants share, and what they are called."""
FACTS = ("commit", "packages", "seconds")
"""What a run says of itself."""
DIGITS = 12
"""Of a hash that are shown."""


def provenance(runs: Mapping[Run, Path]) -> dict[str, dict[str, str]]:
    """Tables of it, by their titles: name -> text.

    Args:
        runs: with the folder of each one's results.

    Raises:
        DataError: a file is missing or damaged.
    """
    facts = {run: read_object(folder / "run.json", FACTS) for run, folder in runs.items()}
    code = {
        f"commit {commit[:DIGITS]}": f"{count} runs"
        for commit, count in Counter(of["commit"] for of in facts.values()).items()
    }
    packages: dict[str, dict[str, None]] = {}
    parameters: dict[str, str] = {}
    data: dict[str, str] = {}
    for run, of in facts.items():
        for package, version in of["packages"].items():
            packages.setdefault(package, {})[version] = None
        parameters.setdefault(_named(run.variant, run.setting), sha256_json(_own(run))[:DIGITS])
        data.setdefault(_named(run.setting, run.where), _data(runs[run] / "dvc.lock"))
    return {
        "Code": code,
        "Packages": {package: ", ".join(found) for package, found in packages.items()},
        "Parameters, by their hashes": parameters,
        "Data, by DVC's hashes": data,
    }


def _named(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _own(run: Run) -> dict[str, Any]:
    """A run's parameters without what makes its replicate."""
    own = [change for change in run.overrides if change not in run.replicate_changes]
    return {"overrides": own, "profile": run.params.profile}


def _data(lock: Path) -> str:
    stages: dict[str, Any] = yaml.safe_load(read_text(lock))["stages"]
    hashes = {stage: entry["outs"][0]["md5"][:DIGITS] for stage, entry in stages.items()}
    return ", ".join(f"{what} {hashes[stage]}" for stage, what in SHOWN.items() if stage in hashes)
