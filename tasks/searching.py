"""What the result of a stage that searches is made by: where a service is searched, what that serves, too.

The stage `index` keeps nothing that a service has a part in, and it has to run before there is one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.params import Params
from stepsearch_core.retrieval.remote import searched_service
from tasks.made_by import made_by


def made_by_searching(stage: str, params: Params) -> tuple[dict[str, Any], list[Path]]:
    """As `made_by`.

    Raises:
        RetrievalError: the service that the stage searches does not say what it serves.
    """
    parameters, inputs = made_by(stage, params)
    return parameters | searched_service(params.retrieval), inputs
