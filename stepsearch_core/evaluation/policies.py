"""Where the policies of an evaluation lie: those that stages made, and others, of folders or the hub."""

from __future__ import annotations

from pathlib import Path

from stepsearch_core.params import CEILINGS, Params
from stepsearch_core.policy.structure import hub_folder

FOLDERS = {
    "warmstart": Path("warmstart", "policy"),
    "trained": Path("train", "policy"),
    **dict.fromkeys(CEILINGS, Path("warmstart", "policy")),  # for its tokenizer
}
"""Where the stages' outputs hold each policy."""


def folder_of(name: str, data: Path, params: Params) -> Path:
    """The folder with a policy's model and tokenizer; what is at the hub is brought here (`downloading`).

    Args:
        name: one of `evaluate.policies`.
        data: the stages' outputs.
        params: section `evaluate`, and `model.source`.

    Raises:
        DataError: neither a folder nor a name of the hub, or it cannot be had.
    """
    if name in FOLDERS:
        return data / FOLDERS[name]
    other = params.evaluate.others[name]
    # the run's own model is taken as training takes it, whatever it is there today
    return hub_folder(source_of(name, params), other.revision if other.source else other.revision or "main")


def source_of(name: str, params: Params) -> str:
    """The folder or name of the hub of one of `evaluate.others`: its own, or else the run's."""
    source = params.evaluate.others[name].source or params.model.source
    assert source is not None  # the parameters' rules
    return source
