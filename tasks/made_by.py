"""What a stage's result is made by, as dvc.yaml says: the name of its work in progress.

DVC runs a stage again when one of its `deps` or `params` changes, and a stage that was killed may go on from
the parts that it left under exactly the same condition. So both are read from one place: what changes a
result is listed in dvc.yaml, and `tests/test_dvc_stages.py` holds the lists to the imports. Two things that
DVC does not look at count here as well: installed packages, whose update leaves finished results alone but
must not mix two versions in one, and the files of a local model or encoder, those of `evaluate.others`
too. What a retrieval service serves is a third (`tasks.searching`).
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
    if "evaluate" in parameters:
        named += _of_others(parameters["evaluate"])
        if parameters["evaluate"]["after"] == "train":
            named.append("data/warmstart")  # which dvc.yaml leaves to `train`, behind which it comes
    folders = [folder for folder in map(Path, filter(None, named)) if folder.is_dir()]
    return parameters | {"software": versions()}, inputs + folders


def _of_others(evaluate: dict[str, Any]) -> list[str | None]:
    """What evaluated policies that no stage made name: their models, and encoders of their own."""
    others = [evaluate["others"][name] for name in evaluate["policies"] if name in evaluate["others"]]
    changes = [change.partition("=") for other in others for change in other["changes"]]
    encoder = ".".join(_MODELS[1])
    return [other["source"] for other in others] + [value for key, _, value in changes if key == encoder]
