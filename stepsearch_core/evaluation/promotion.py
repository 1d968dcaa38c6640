"""Promotion: the recorded act that puts an evaluated policy into service, where re-evaluations watch it.

The policy is copied out of the stages' outputs, together with the evaluation that it was promoted on and a
fingerprint of what that evaluation read, so that later training runs neither replace it nor lose what to
compare it with.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import atomic_folder, read_json, write_json
from stepsearch_core.base.journal import append
from stepsearch_core.evaluation.policies import folder_of
from stepsearch_core.params import CEILINGS, Params, PolicyParams, asked_with

PROMOTED = Path("promoted")
HISTORY = Path("reevaluations/history.jsonl")
LATEST = HISTORY.with_name("latest.json")
"""The last re-evaluation's comparison, for who starts one and reads its verdict."""


def promote(
    data: Path, params: Params, name: str = "trained", target: Path = PROMOTED, history: Path = HISTORY
) -> dict[str, Any]:
    """Copy a policy and its evaluation to `target`, note it in the history; returns the record.

    Args:
        data: the stages' outputs.
        params: sections `evaluate` and the profile's name.
        name: one of `evaluate.policies` that has a model of its own.
        target: what was promoted before is replaced.
        history: gets a line.

    Raises:
        DataError: no such policy, or what was evaluated is not this policy.
    """
    promotable = [policy for policy in params.evaluate.policies if policy not in CEILINGS]
    if name not in promotable:
        problem = f"{name!r} is none of {', '.join(promotable) or 'no policy with a model'}"
        raise DataError(problem, "stepsearch promote", field="evaluate.policies")
    policy = folder_of(name, data, params)
    evaluated = read_json(data / "evaluate" / "evaluated.json")
    other = evaluated.get("others", {}).get(name)  # as it was asked then, whatever stands there now
    promoted = {
        "event": "promotion",
        "time": now(),
        "profile": params.profile,
        "name": name,
        "policy": sha256_folder(policy),
        "fingerprint": evaluated["fingerprint"],
        **(other or {}),
    }
    if promoted["policy"] != evaluated["policies"].get(name):
        raise DataError(
            "this policy is not the one that data/evaluate measured; run `dvc repro evaluate` first", policy
        )
    promoted["f1"] = read_json(data / "evaluate" / "metrics.json")[name]["mean"]["f1"]
    with atomic_folder(target) as folder:
        shutil.copytree(policy, folder / "policy")
        shutil.copytree(data / "evaluate" / "records" / name, folder / "records")
        write_json(folder / "promotion.json", promoted)
    append(history, promoted)
    return promoted


def read_promotion(folder: Path = PROMOTED) -> dict[str, Any]:
    """What `promote` recorded.

    Raises:
        DataError: nothing has been promoted.
    """
    if not (folder / "promotion.json").is_file():
        raise DataError("no policy has been promoted; `stepsearch promote` does it", folder)
    promoted: dict[str, Any] = read_json(folder / "promotion.json")
    return promoted


def asked_again(promotion: dict[str, Any], params: Params) -> Params:
    """The parameters with which the promoted policy is asked: the run's, with the changes of its own.

    Raises:
        ParamsError: a change has no place in this run.
    """
    if "changes" not in promotion:  # one that stages made
        return params
    other = PolicyParams(str(PROMOTED / "policy"), changes=promotion["changes"])
    evaluate = replace(params.evaluate, others={promotion["name"]: other})
    return asked_with(replace(params, evaluate=evaluate), promotion["name"])


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
