"""What the ranks of a stage have to have in common, whoever has started them on whatever machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_files
from stepsearch_core.base.ranks import world_size
from stepsearch_core.params import Params
from stepsearch_core.runtime.agreement import check_agreement
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.runtime.software import versions
from tasks.pipeline import listed


def agree(stage: str, params: Params, model: str | None = None) -> None:
    """See that all ranks of a stage have the same parameters, packages, code, data and kind of device.

    Called by every rank before it works; a process alone agrees with itself.

    Args:
        stage: dvc.yaml lists its code and data.
        params: all of them count.
        model: one that the stage loads besides, a folder or a name; of a folder the content counts.

    Raises:
        AgreementError: they do not.
    """
    if world_size() == 1:
        return
    values = {key: json.dumps(value, ensure_ascii=False) for key, value in _leaves(asdict(params))}
    packages = {f"the version of {name}": version for name, version in versions().items()}
    device = {"the device": own_device().split(":")[0]}
    _, inputs = listed(stage, params)
    files: dict[str, str] = {}
    for path in [*inputs, *map(Path, filter(None, [model]))]:
        try:
            files |= {file: f"{content[:12]} (SHA-256)" for file, content in sha256_files([path]).items()}
        except DataError:  # a name of the hub; or it is missing here, which the others will notice
            continue
    check_agreement(values | packages | device | files)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted key."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
