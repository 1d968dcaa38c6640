"""Outside of the DAG: the promoted policy answers the benchmarks again and is compared with itself, earlier.

Always runs, whatever DVC thinks is up to date, and prints the verdict.
"""

from __future__ import annotations

from stepsearch_core.evaluation.comparison import verdict
from stepsearch_core.evaluation.reevaluation import reevaluate
from stepsearch_core.params import Params
from tasks.launch import launch
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Re-evaluate; writes into `reevaluations/`."""
    if comparison := reevaluate(DATA, params):  # the first rank's
        print(verdict(comparison))


if __name__ == "__main__":
    run("reevaluate", lambda params: launch("reevaluate", main, params, params.evaluate.processes))
