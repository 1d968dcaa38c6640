"""Outside of the DAG: the promoted policy answers the benchmarks again and is compared with itself, earlier.

Always runs, whatever DVC thinks is up to date, and prints the verdict.
"""

from __future__ import annotations

from stepsearch_core.evaluation.comparison import verdict
from stepsearch_core.evaluation.promotion import PROMOTED, read_promotion
from stepsearch_core.evaluation.reevaluation import reevaluate
from stepsearch_core.learning.shared_folder import SharedFolder
from stepsearch_core.params import Params
from stepsearch_core.runtime.work_folder import ROOT
from tasks.launch import launch
from tasks.searching import made_by_searching
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Re-evaluate; writes into `reevaluations/`."""
    read_promotion()  # says what to do if there is none
    parameters, inputs = made_by_searching("evaluate", params)
    read = [path for path in inputs if path not in {DATA / "warmstart", DATA / "train"}]
    with SharedFolder(ROOT, parameters, [*read, PROMOTED / "policy"]) as work:
        comparison = reevaluate(DATA, params, work.path)
        if comparison:  # the first rank's
            work.clear()
            print(verdict(comparison))


if __name__ == "__main__":
    run("reevaluate", lambda params: launch("reevaluate", main, params, params.evaluate.processes))
