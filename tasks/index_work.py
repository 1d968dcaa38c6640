"""Where the stage `index` keeps its work in progress, for itself and for ranks that encode beforehand."""

from stepsearch_core.params import Params
from stepsearch_core.runtime.work_folder import ROOT, WorkFolder
from tasks.made_by import made_by


def index_work(params: Params) -> WorkFolder:
    """The work of the stage `index`, which neither the processes that encode nor what is measured change: a
    build that was killed may go on with more of them.

    Raises:
        DataError: an input is missing.
    """
    parameters, inputs = made_by("index", params)
    return WorkFolder(ROOT, parameters | {"index": {"ready_made": params.index.ready_made}}, inputs)
