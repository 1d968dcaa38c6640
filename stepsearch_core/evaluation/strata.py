"""What means over benchmarks hide: measures by number of hops and by stop reason, supports by hop.

Questions of all benchmarks count alike here. The recall of a hop is the share of its gold passages that any
search showed; the precision of a hop is that of the search of the same number: the share of gold, of
whichever hop, in the passages that it showed. With `evaluate.samples` above 1 a question's measures are
means of its samples; its stop reason, and recall and precision by hop, are those of the first one. The file
stands beside `metrics.json`, whose every number is a mean over a benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from stepsearch_core.evaluation.bootstrap import stratified_mean_interval
from stepsearch_core.evaluation.summary import Records
from stepsearch_core.metrics.measures import BRIEF
from stepsearch_core.params import EvaluateParams
from stepsearch_core.rollout.records import QuestionRecord, TurnRecord

Score = float | None


def stratify(records: Mapping[str, Records], params: EvaluateParams, seed: int) -> dict[str, Any]:
    """`strata.json`: policy -> `hops`, `stop_reason` or `supports` -> stratum -> measure -> interval.

    Strata of `hops` are numbers of hops, of questions with a decomposition; of `supports` the numbers of
    hops from 1; measures are those of `BRIEF`, and of `supports` `recall` and `precision`. An interval is
    {value, low, high, n}.
    """

    def interval(scores: Sequence[Score]) -> dict[str, Any]:
        told = stratified_mean_interval([scores], params.bootstrap_samples, params.confidence, seed)
        return asdict(told)

    def table(groups: Mapping[str, list[QuestionRecord]]) -> dict[str, Any]:
        return {
            name: {key: interval([record.measures[key] for record in group]) for key in BRIEF}
            for name, group in groups.items()
        }

    told: dict[str, Any] = {}
    for policy, benchmarks in records.items():
        answered = list(chain.from_iterable(benchmarks.values()))
        told[policy] = {
            "hops": table(grouped(answered, lambda record: str(hops_of(record) or ""))),
            "stop_reason": table(grouped(answered, lambda record: record.stop_reason)),
            "supports": {
                str(hop + 1): {"recall": interval(recalls), "precision": interval(precisions)}
                for hop, (recalls, precisions) in enumerate(supports_by_hop(answered))
            },
        }
    return told


def grouped(
    records: Iterable[QuestionRecord], stratum: Callable[[QuestionRecord], str]
) -> dict[str, list[QuestionRecord]]:
    """Records by stratum, in the strata's order; one without a name is of none."""
    groups: dict[str, list[QuestionRecord]] = {}
    for record in records:
        if name := stratum(record):
            groups.setdefault(name, []).append(record)
    return dict(sorted(groups.items()))


def hops_of(record: QuestionRecord) -> int:
    """How many hops its question has; 0 without a decomposition."""
    return len(record.hops) if all(hop.sub_question for hop in record.hops) else 0


def supports_by_hop(records: Sequence[QuestionRecord]) -> list[tuple[list[Score], list[Score]]]:
    """For each hop, and the search of its number, recalls and precisions of the questions that have it."""
    most = max((len(record.hops) for record in records), default=0)
    return [
        (
            [_recall(record, hop) for record in records if hop < len(record.hops)],
            [_precision(record, hop) for record in records if hop < len(record.hops)],
        )
        for hop in range(most)
    ]


def _recall(record: QuestionRecord, hop: int) -> Score:
    """None where no support of the hop is known."""
    gold = set(record.hops[hop].support_ids)
    shown = {passage.id for turn in record.turns for passage in turn.passages}
    return len(gold & shown) / len(gold) if gold else None


def _precision(record: QuestionRecord, number: int) -> Score:
    """None where there are no supports, or no such search, or one that showed nothing."""
    searches: list[TurnRecord] = [turn for turn in record.turns if turn.query is not None]
    shown = {passage.id for turn in searches[number : number + 1] for passage in turn.passages}
    return len(shown.intersection(record.support_ids)) / len(shown) if shown and record.support_ids else None
