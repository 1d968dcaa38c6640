"""Promotion: the recorded act that puts a trained policy into service, where re-evaluations watch it.

The policy is copied out of the stages' outputs, together with the evaluation that it was promoted on and a
fingerprint of what that evaluation read, so that later training runs neither replace it nor lose what to
compare it with.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import atomic_folder, read_json, write_json
from stepsearch_core.params import Params

PROMOTED = Path("promoted")
HISTORY = Path("reevaluations/history.jsonl")
LATEST = HISTORY.with_name("latest.json")
"""The last re-evaluation's comparison, for who starts one and reads its verdict."""


def promote(data: Path, params: Params, target: Path = PROMOTED, history: Path = HISTORY) -> dict[str, Any]:
    """Copy the trained policy and its evaluation to `target`, note it in the history; returns the record.

    Raises:
        DataError: there is no trained policy, or what was evaluated is not this policy.
    """
    policy = data / "train" / "policy"
    evaluated = read_json(data / "evaluate" / "evaluated.json")
    promoted = {
        "event": "promotion",
        "time": now(),
        "profile": params.profile,
        "policy": sha256_folder(policy),
        "fingerprint": evaluated["fingerprint"],
    }
    if promoted["policy"] != evaluated["policies"].get("trained"):
        raise DataError(
            "this policy is not the one that data/evaluate measured; run `dvc repro` first", policy
        )
    promoted["f1"] = read_json(data / "evaluate" / "metrics.json")["trained"]["mean"]["f1"]
    with atomic_folder(target) as folder:
        shutil.copytree(policy, folder / "policy")
        shutil.copytree(data / "evaluate" / "records" / "trained", folder / "records")
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


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a line to the history: one write of one line, on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
