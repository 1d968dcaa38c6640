"""Stage `evaluate`: policies on benchmarks, free-running, with intervals and paired gains."""

from __future__ import annotations

from stepsearch_core.base.io import discard, write_json
from stepsearch_core.evaluation.examination import examine
from stepsearch_core.learning.shared_folder import SharedFolder
from stepsearch_core.params import Params
from stepsearch_core.rollout.records import write_records
from stepsearch_core.runtime.software import note_commit
from stepsearch_core.runtime.work_folder import ROOT
from tasks.agreement import agree
from tasks.launch import launch
from tasks.searching import made_by_searching
from tasks.stage import DATA, TIMINGS, run


def main(params: Params) -> None:
    """Evaluate; writes `data/evaluate/{metrics,strata,evaluated}.json` and `data/evaluate/records/`."""
    agree("evaluate", params, model=params.retrieval.encoder)
    out = DATA / "evaluate"
    with SharedFolder(ROOT, *made_by_searching("evaluate", params)) as work:
        examined = examine(DATA, params, work.path)
        if examined is None:
            return  # the first rank writes
        if out.exists():
            discard(out)  # as in `train`
        for policy, records in examined.records.items():
            write_records(out / "records" / policy, records)
        write_json(out / "metrics.json", examined.metrics)
        write_json(out / "strata.json", examined.strata)
        write_json(out / "evaluated.json", examined.evaluated)
        write_json(TIMINGS / "evaluate.json", examined.seconds)
        note_commit(out / "evaluated.json", TIMINGS / "evaluate.commit")
        work.clear()


if __name__ == "__main__":
    run(
        "evaluate", lambda params: launch("evaluate", main, params, params.evaluate.processes), in_ranks=True
    )
