"""What a stage's result is made by, as dvc.yaml says: the name of its work in progress.

DVC runs a stage again when one of its `deps` or `params` changes, and a stage that was killed may go on from
the parts that it left under exactly the same condition. So both are read from one place: what changes a
result is listed in dvc.yaml, and `tests/test_dvc_stages.py` holds the lists to the imports. Three things
that DVC does not look at count here as well: installed packages, whose update leaves finished results alone
but must not mix two versions in one, the files of a local encoder, and what a retrieval service serves.

The stage `index` keeps nothing that a service has a part in, and it has to run before there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.params import Params
from stepsearch_core.retrieval.remote import searched_service
from stepsearch_core.runtime.software import versions
from tasks.pipeline import listed


def made_by(stage: str, params: Params) -> tuple[dict[str, Any], list[Path]]:
    """Everything that the work in progress of a stage depends on, for its `WorkFolder`; in a checkout.

    Returns:
        Plain values (the parameters by their dotted keys, `software`) and the files and folders whose
        content counts.

    Raises:
        RetrievalError: the service that the stage searches does not say what it serves.
    """
    parameters, inputs = listed(stage, params)
    encoder = Path(params.retrieval.encoder)  # a name (`hashing`, one of the hub) or a folder
    parameters |= {"software": versions()}
    if stage != "index":
        parameters |= searched_service(params.retrieval)
    return parameters, inputs + [encoder] * encoder.is_dir()
