"""What an evaluation read besides the policy: two fingerprints say what changed between them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.io import read_json
from stepsearch_core.benchmarks.gold import GOLD_FILE
from stepsearch_core.data.corpus import read_manifest
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.params import EnvironmentParams, Params, RetrievalParams
from stepsearch_core.params.shared import is_prompt_file
from stepsearch_core.retrieval.remote import searched_service
from stepsearch_core.runtime.software import versions


def fingerprint(data: Path, params: Params) -> dict[str, Any]:
    """What an evaluation's result depends on besides the policy, in parts that change by themselves.

    Raises:
        DataError: a prompt file is missing or damaged.
        RetrievalError: the service that is searched does not say what it serves.
    """
    files = read_json(data / "fetch" / "manifest.json")["files"]
    return {
        "benchmarks": {name: files[name]["sha256"] for name in params.evaluate.benchmarks},
        "corpus": read_manifest(data / "corpus")["hash"],
        "gold": sha256_json(read_json(data / "corpus" / GOLD_FILE)["another_text"]),
        "index": sha256_json(read_json(data / "index" / "manifest.json")),
        "retriever": sha256_json(_choices(params.retrieval)),
        "environment": sha256_json(_asked_with(params.environment)),
        "software": versions(),
        **searched_service(params.retrieval),
    }


def _asked_with(environment: EnvironmentParams) -> dict[str, Any]:
    """The parameters, and the texts of a prompt file if they name one."""
    own = {"texts": asdict(style_of(environment))} if is_prompt_file(environment.prompt) else {}
    return asdict(environment) | own


def _choices(retrieval: RetrievalParams) -> dict[str, Any]:
    """The parameters without those of a service's whereabouts: what it serves is a part of its own."""
    return {name: value for name, value in asdict(retrieval).items() if name not in ("url", "patience")}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The parts of two fingerprints that differ, `benchmarks.musique` say, sorted."""
    keys = before.keys() | after.keys()
    changed = []
    for key in keys:
        then, now = before.get(key), after.get(key)
        if isinstance(then, dict) and isinstance(now, dict):
            names = then.keys() | now.keys()
            changed += [f"{key}.{name}" for name in names if then.get(name) != now.get(name)]
        elif then != now:
            changed.append(key)
    return sorted(changed)
