"""Whether a model's folder is whole, from names, sizes and headers alone: no tensor is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object

_INDEX = "model.safetensors.index.json"
_OTHERS = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def weight_problem(folder: Path) -> tuple[str, str] | None:
    """The first file of weights that is missing or not whole, and what is wrong with it."""
    try:
        names = _weight_files(folder)
    except DataError as error:
        return error.place, error.problem
    if not names:
        return str(folder), "no weights: neither model.safetensors nor an index of several such files"
    for name in names:
        if not (folder / name).is_file():
            return str(folder / name), "missing, though the index of the weights names it"
        if name.endswith(".safetensors") and (problem := _safetensors_problem(folder / name)):
            return str(folder / name), problem
    return None


def tensor_shapes(folder: Path) -> dict[str, list[int]]:
    """The shape of every tensor by its name, of weights in safetensors files that are whole."""
    headers = (_header(folder / name) for name in _weight_files(folder) if name.endswith(".safetensors"))
    return {
        name: tensor["shape"]
        for header in headers
        for name, tensor in header.items()
        if name != "__metadata__"
    }


def _weight_files(folder: Path) -> list[str]:
    if (folder / "model.safetensors").is_file():
        return ["model.safetensors"]
    if (folder / _INDEX).is_file():
        return sorted(set(read_object(folder / _INDEX, ("weight_map",))["weight_map"].values()))
    return [name for name in _OTHERS if (folder / name).is_file()][:1]


def _safetensors_problem(path: Path) -> str | None:
    size = path.stat().st_size
    try:
        header = _header(path)
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except (ValueError, struct.error, KeyError, TypeError, AttributeError, IndexError):
        return "no safetensors file, or its beginning is damaged (a Git LFS pointer, perhaps)"
    expected = _data_start(path) + max(ends, default=0)
    return (
        None
        if size == expected
        else f"{size:,} bytes long, but its header says {expected:,}: a part is missing"
    )


def _header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: 8 bytes with its length, then JSON."""
    length = _data_start(path) - 8
    if length > path.stat().st_size:
        raise ValueError("longer than the file")
    with path.open("rb") as file:
        file.seek(8)
        return json.loads(file.read(length))


def _data_start(path: Path) -> int:
    with path.open("rb") as file:
        return 8 + struct.unpack("<Q", file.read(8))[0]
