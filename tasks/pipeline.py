"""What `dvc.yaml` says of a stage, for who works without DVC: which parameters and which files count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import yaml

from stepsearch_core.params import Params

PIPELINE = Path("dvc.yaml")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def listed(stage: str, params: Params, pipeline: Path = PIPELINE) -> tuple[dict[str, Any], list[Path]]:
    """A stage's `params`, with their values, and its `deps`, as DVC reads them, `${key}` filled in."""
    entry = yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"][stage]
    values = asdict(params)
    keys = [key for item in entry["params"] for key in ([item] if isinstance(item, str) else values)]
    deps = [_REFERENCE.sub(lambda match: str(_value(values, match[1])), dep) for dep in entry["deps"]]
    return {key: _value(values, key) for key in keys}, list(map(Path, deps))


def _value(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key."""
    return reduce(getitem, key.split("."), values)
