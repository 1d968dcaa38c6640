"""Profiles: complete parameter files in `conf/`. The active one is at `params.yaml`, where DVC and the
stages read it.

A profile without overrides is copied with its comments; with overrides the values are written without them,
under a header that says what was overridden.
"""

from __future__ import annotations

from pathlib import Path

from stepsearch_core.base.io import atomic_write
from stepsearch_core.params import Params, ParamsError, load_params, params_yaml

PROFILES = Path("conf")
ACTIVE = Path("params.yaml")


def profile_names(folder: Path = PROFILES) -> list[str]:
    """The names of all profiles, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def profile_path(name: str, folder: Path = PROFILES) -> Path:
    """The file of profile `name`.

    Raises:
        ParamsError: no profile of this name.
    """
    if name not in profile_names(folder):
        raise ParamsError(
            f"{folder}: no profile {name!r}; there are: {', '.join(profile_names(folder)) or 'none'}"
        )
    return folder / f"{name}.yaml"


def read_profile(name: str, overrides: list[str] | None = None, folder: Path = PROFILES) -> Params:
    """Profile `name` with `key.sub=value` overrides laid over it.

    Raises:
        ParamsError: no profile of this name, or an override that does not fit the schema.
    """
    return load_params(profile_path(name, folder), overrides)


def activate(
    name: str, overrides: list[str] | None = None, folder: Path = PROFILES, target: Path = ACTIVE
) -> Params:
    """Write profile `name`, with `key.sub=value` overrides over it, to `target`; returns what is now active.

    Raises:
        ParamsError: no profile of this name, or an override that does not fit the schema. `target` is left
            as it was.
    """
    params = read_profile(name, overrides, folder)
    source = folder / f"{name}.yaml"
    text = source.read_text(encoding="utf-8")
    if overrides:
        text = f"# {source} with {' '.join(map(_printable, overrides))}\n{params_yaml(params)}"
    with atomic_write(target) as file:
        file.write(text)
    return params


def _printable(override: str) -> str:
    """An override on one line of a comment."""
    return override if override.isprintable() else repr(override)
