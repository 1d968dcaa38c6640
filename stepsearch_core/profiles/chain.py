"""A profile and what it is based on: a chain of files, each of which lists what differs from the one below.

`base: NAME` names another profile of the same folder, or `defaults`, the base of all (`params.defaults`). A
file without a base has to be whole, as `params.yaml` is. A section is laid over that of the base key by
key; a mapping of free keys (`fetch.files`) stands instead of the base's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.params import Params, ParamsError
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.params.loading import make_params, naming, read_values
from stepsearch_core.params.values import merge

PROFILES = Path("conf")


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file of a chain says, without its base; values are texts."""

    path: Path
    values: dict[str, Any]

    def says(self, key: str) -> bool:
        """Whether the file has a dotted key."""
        value: Any = self.values
        for name in key.split("."):
            if not isinstance(value, dict) or name not in value:
                return False
            value = value[name]
        return True


def profile_names(folder: Path = PROFILES) -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def profile_path(name: str, folder: Path = PROFILES) -> Path:
    """The file of profile `name`.

    Raises:
        ParamsError: no profile of this name.
    """
    names = profile_names(folder)
    if name not in names:
        raise ParamsError(f"{folder}: no profile {name!r}; there are: {', '.join(names) or 'none'}")
    return folder / f"{name}.yaml"


def read_profile(name: str, overrides: Sequence[str] | None = None, folder: Path = PROFILES) -> Params:
    """Profile `name` with `key.sub=value` overrides laid over it.

    Raises:
        ParamsError: no profile of this name, or as `load_profile`.
    """
    return load_profile(profile_path(name, folder), overrides)


def load_profile(path: Path, overrides: Sequence[str] | None = None) -> Params:
    """The parameters of a profile's file, or of a whole one, with overrides laid over them.

    Raises:
        ParamsError: a base is unknown or leads back to the profile; a file or override does not fit the
            schema. The message names the file of the chain that is wrong.
    """
    return with_overrides(profile_layers(path), overrides or ())


def with_overrides(layers: Sequence[Layer], overrides: Sequence[str]) -> Params:
    """The same of files that are read already, for many sets of overrides.

    Args:
        layers: of `profile_layers`; they are not changed.
        overrides: `key.sub=value` texts.

    Raises:
        ParamsError: as `load_profile`.
    """
    values = deepcopy(layers[0].values)
    for layer in layers[1:]:
        with naming(layer.path):
            merge(values, {"profile": layer.path.stem, **layer.values})

    overridden = [override.partition("=")[0] for override in overrides]

    def owner(key: str) -> Path | None:
        if any(f"{key}.".startswith(f"{section}.") for section in overridden):
            return None
        return next((layer.path for layer in reversed(layers) if layer.says(key)), None)

    return make_params(values, overrides, layers[-1].path, owner)


def profile_files(path: Path) -> list[Path]:
    """The files that a profile is made of: the base of all first, `path` last.

    Raises:
        ParamsError: as `load_profile`, of what is read here.
    """
    return [layer.path for layer in profile_layers(path)]


def profile_layers(path: Path) -> list[Layer]:
    """What the files say that a profile is made of, in the order of `profile_files`.

    Raises:
        ParamsError: a file is no mapping in YAML; a base is unknown or leads back to the profile.
    """
    return list(_down(path))[::-1]


def _down(path: Path) -> Iterator[Layer]:
    """The layers from the top to the lowest one, which is whole."""
    seen: list[str] = []
    while True:
        values = read_values(path)
        has_base, base = "base" in values, values.pop("base", None)
        yield Layer(path, values)
        if not has_base:
            return
        seen.append(path.stem)
        path = _base_file(path, base, seen)


def _base_file(path: Path, base: Any, seen: Sequence[str]) -> Path:
    """The file of the base that the profile at `path` names; `seen` are the names of the chain so far."""
    names = profile_names(path.parent)
    if base == DEFAULTS.stem:
        return DEFAULTS
    if base not in names:
        raise ParamsError(
            f"{path}: base: no profile {base!r}; there are: {', '.join([DEFAULTS.stem, *names])}"
        )
    if base in seen:
        raise ParamsError(f"{path}: base: leads back to itself ({' -> '.join([*seen, base])})")
    return path.parent / f"{base}.yaml"
