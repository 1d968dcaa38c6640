"""What a stage's result is made by, as dvc.yaml says: the name of its work in progress.

DVC runs a stage again when one of its `deps` or `params` changes, and a stage that was killed may go on from
the parts that it left under exactly the same condition. So both are read from one place: what changes a
result is listed in dvc.yaml, and `tests/test_dvc_stages.py` holds the lists to the imports. Two things that
DVC does not look at count here as well: installed packages, whose update leaves finished results alone but
must not mix two versions in one, and the files of a local model or encoder. What a retrieval service serves
is a third (`tasks.searching`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.params import Params
from stepsearch_core.runtime.software import versions
from tasks.pipeline import listed

_MODELS = (("model", "source"), ("retrieval", "encoder"))
"""Parameters with the name of a model, which may be a folder: section and key."""


def made_by(stage: str, params: Params) -> tuple[dict[str, Any], list[Path]]:
    """Everything that the work in progress of a stage depends on, for its `WorkFolder`; in a checkout.

    Returns:
        Plain values (the parameters by their dotted keys, `software`) and the files and folders whose
        content counts.
    """
    parameters, inputs = listed(stage, params)
    named = [parameters[section][key] for section, key in _MODELS if section in parameters]
    folders = [folder for folder in map(Path, filter(None, named)) if folder.is_dir()]
    return parameters | {"software": versions()}, inputs + folders
