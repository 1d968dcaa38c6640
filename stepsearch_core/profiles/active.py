"""The active profile: `params.yaml`, whole and with comments, as DVC and the stages read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stepsearch_core.base.io import atomic_write
from stepsearch_core.params import Params
from stepsearch_core.profiles.chain import PROFILES, load_profile, profile_files, profile_path

ACTIVE = Path("params.yaml")


def activate(
    name: str, overrides: Sequence[str] | None = None, folder: Path = PROFILES, target: Path = ACTIVE
) -> Params:
    """Write profile `name`, with `key.sub=value` overrides laid over it, to `target`; returns what is now
    active.

    Raises:
        ParamsError: no profile of this name, or as `read_profile`. `target` is left as it was.
    """
    from stepsearch_core.profiles.text import whole_text

    path = profile_path(name, folder)
    params = load_profile(path, overrides)
    text = whole_text(profile_files(path), params, overrides or ())
    with atomic_write(target) as file:
        file.write(text)
    return params
