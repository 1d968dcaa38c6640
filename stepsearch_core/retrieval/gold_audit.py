"""The coverage audit: what keeps gold passages from being found, by benchmark and number of the hop.

A gold passage may be missing from the corpus, be there under another text (`benchmarks.gold_matching`), or
be there and not be found by the gold sub-question of its hop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.gold import ALL_HOPS, GoldMatches, Presence, count_by_hop, hop_supports
from stepsearch_core.retrieval.queries import Query, found
from stepsearch_core.retrieval.retriever import Ranking

ASKED = "asked"
"""Sub-questions whose supports the corpus holds."""
NOT_FOUND = "not_found"
"""Of these, by method and depth, those that do not find them."""


def audit(
    questions: Iterable[Question],
    gold: GoldMatches,
    sub_questions: Sequence[Query],
    rankings: Mapping[str, Sequence[Ranking]],
    depths: Sequence[int],
) -> dict[str, dict[str, Any]]:
    """A row for each number of a hop that occurs, and one of all hops.

    Args:
        questions: As their benchmark names gold passages, before `gold` rewrites it.
        gold: What the corpus holds of them.
        sub_questions: Those of the questions that `gold` has rewritten.
        rankings: What each method finds for the sub-questions.
        depths: Numbers of first results.
    """
    there = [number for number, query in enumerate(sub_questions) if -1 not in query.wanted]
    asked = Counter(sub_questions[number].hop for number in there)
    lost = {
        method: {
            depth: Counter(
                sub_questions[number].hop
                for number in there
                if not found(sub_questions[number], ranked[number], depth)
            )
            for depth in depths
        }
        for method, ranked in rankings.items()
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, counts in count_by_hop(hop_supports(questions), gold.presence).items():
        not_found = {
            method: {str(depth): _of_hop(count, name) for depth, count in by_depth.items()}
            for method, by_depth in lost.items()
        }
        rows[name] = {**counts, ASKED: _of_hop(asked, name), NOT_FOUND: not_found}
    return rows


def audit_lines(audits: Mapping[str, Mapping[str, Any]], depth: int) -> list[str]:
    """What became of each benchmark's gold passages, a line each; "not found": not in the first `depth`."""
    return [f"  {name:16} {_outcome(rows[ALL_HOPS], depth)}" for name, rows in audits.items()]


def _outcome(row: Mapping[str, Any], depth: int) -> str:
    kinds = (Presence.ANOTHER_TEXT, Presence.ADDED, Presence.MISSING)
    there = [f"{row[kind]:,} {kind.replace('_', ' ')}" for kind in kinds if row[kind]]
    outcome = ", ".join([f"{row['supports']:,} gold passages", *there])
    if not row[ASKED]:
        return outcome
    lost = ", ".join(
        f"{lost[str(depth)] / row[ASKED]:.1%} by {name}" for name, lost in row[NOT_FOUND].items()
    )
    return f"{outcome}; of {row[ASKED]:,} sub-questions asked, not found in the first {depth}: {lost}"


def _of_hop(counts: Counter[int], name: str) -> int:
    return counts.total() if name == ALL_HOPS else counts[int(name)]
