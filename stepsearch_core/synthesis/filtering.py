"""Keeping the search keys that work: those that find a support, few and unlike each other.

The paper (2.1) asks M search engines and keeps a query if at least half of them, rounded up, return "valid"
results, which it does not define. Here the engines are `synthesize.sources`, and valid means that a support
of the hop is among the first `key_depth` results and is shown, where not all of them have room in an
observation. A candidate that gives away what it should find (`leaks`) is searched by none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stepsearch_core.base.text import words
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.params import SynthesizeParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.key_writers import KeyWriter
from stepsearch_core.synthesis.leaks import forbidden_words, leaks
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey
from stepsearch_core.synthesis.searches import Show, searches
from stepsearch_core.synthesis.sub_questions import parse_hops

MAX_SIMILARITY = 0.8
"""Keys whose sets of words have a larger Jaccard index are near-duplicates."""


@dataclass
class KeyCounts:
    """What became of the candidates, how many keys the hops have, and how much was found and shown."""

    hops_by_keys: Counter[int] = field(default_factory=Counter)
    by_hop: dict[int, Counter[str]] = field(default_factory=dict)
    candidates: Counter[KeyKind] = field(default_factory=Counter)
    kept: Counter[KeyKind] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    passages: Counter[str] = field(default_factory=Counter)
    valid: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Everything in plain types, with the share of hops that have no key."""
        hops = self.hops_by_keys.total()
        return {
            "hops": hops,
            "hops_by_keys": {str(keys): self.hops_by_keys[keys] for keys in sorted(self.hops_by_keys)},
            "hops_without_key": self.hops_by_keys[0] / hops if hops else None,
            "by_hop": {str(number): dict(self.by_hop[number]) for number in sorted(self.by_hop)},
            "valid_by_source": dict(self.valid),
            "candidates": {kind.value: self.candidates[kind] for kind in KeyKind},
            "kept": {kind.value: self.kept[kind] for kind in KeyKind},
            "dropped": dict(sorted(self.dropped.items())),
            "passages": dict(sorted(self.passages.items())),
        }


@dataclass(slots=True)
class Candidate:
    """A key of a hop, in how many sources it finds a support, and in how many that is shown."""

    key: SearchKey
    supports: frozenset[str]
    finding: int = 0
    showing: int = 0


def add_search_keys(
    questions: Sequence[Question],
    write: KeyWriter,
    params: SynthesizeParams,
    sources: Mapping[str, Retriever],
    passage: Callable[[str], Passage],
    show: Show,
) -> tuple[list[Question], KeyCounts]:
    """Give every hop its search keys; a hop without any is kept.

    Args:
        questions: With decompositions.
        write: Makes the candidates.
        params: `keys_per_hop` and `key_depth`.
        sources: Judge the keys.
        passage: Gives a passage by its id.
        show: Says which results are shown.

    Raises:
        RetrievalError: a source failed.
    """
    counts = KeyCounts()
    candidates = judged_candidates(
        questions, write, counts, depth=params.key_depth, sources=sources, passage=passage, show=show
    )
    majority = -(-len(sources) // 2)
    keyed = []
    for question, of_hops in zip(questions, candidates, strict=True):
        hops = []
        for number, (hop, own_candidates) in enumerate(zip(question.hops, of_hops, strict=True), start=1):
            chosen = _chosen(own_candidates, majority, params.keys_per_hop, counts)
            counts.hops_by_keys[len(chosen)] += 1
            own = counts.by_hop.setdefault(number, Counter({"steps": 0, "without key": 0, "keys": 0}))
            own.update({"steps": 1, "without key": int(not chosen), "keys": len(chosen)})
            hops.append(replace(hop, search_keys=tuple(key.text for key in chosen)))
        keyed.append(replace(question, hops=tuple(hops)))
    return keyed, counts


def judged_candidates(
    questions: Sequence[Question],
    write: KeyWriter,
    counts: KeyCounts,
    *,
    depth: int,
    sources: Mapping[str, Retriever],
    passage: Callable[[str], Passage],
    show: Show,
) -> list[list[list[Candidate]]]:
    """The candidates of every hop of every question that give nothing away, with their votes.

    Args:
        questions: With decompositions.
        write: Makes the candidates.
        counts: Of what was dropped, and what sources found.
        depth: So many first results count.
        sources: Judge the keys.
        passage: Gives a passage by its id.
        show: Says which results are shown.
    """
    steps = [step for question in questions for step in parse_hops(question)]
    written = iter(write(steps, counts.dropped))
    candidates = [
        [_candidates(hop, next(written), passage, counts) for hop in question.hops] for question in questions
    ]
    every = [candidate for hops in candidates for of_hop in hops for candidate in of_hop]
    _judge(every, depth, sources, show, counts)
    return candidates


def _judge(
    candidates: Sequence[Candidate],
    depth: int,
    sources: Mapping[str, Retriever],
    show: Show,
    counts: KeyCounts,
) -> None:
    """Every source searches every distinct candidate; what it finds is not kept."""
    by_query: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_query.setdefault(candidate.key.text, []).append(candidate)
    for name, source in sources.items():
        counts.valid[name] = 0
        for query, search in searches(source, by_query, depth, f"search keys in {name}", show):
            counts.passages["found"] += len(search.passage_ids)
            counts.passages["not shown"] += len(search.passage_ids) - len(search.shown)
            for candidate in by_query[query]:
                candidate.finding += not candidate.supports.isdisjoint(search.passage_ids)
                valid = not candidate.supports.isdisjoint(search.shown)
                candidate.showing += valid
                counts.valid[name] += valid


def choose_keys(keys: Sequence[SearchKey], limit: int) -> tuple[list[SearchKey], list[SearchKey]]:
    """At most `limit` keys: the first one, then always the one least like those chosen.

    Returns:
        The chosen keys, and those left that are near-duplicates of a chosen one.
    """
    chosen: list[SearchKey] = []
    rest = list(keys)

    def likeness(key: SearchKey) -> float:
        return max((_jaccard(key, taken) for taken in chosen), default=0.0)

    while len(chosen) < limit:
        fresh = [key for key in rest if likeness(key) <= MAX_SIMILARITY]
        if not fresh:
            break
        chosen.append(min(fresh, key=likeness))
        rest.remove(chosen[-1])
    return chosen, [key for key in rest if likeness(key) > MAX_SIMILARITY]


def clean_keys(hop: Hop, keys: Sequence[SearchKey], passage: Callable[[str], Passage]) -> list[SearchKey]:
    """The keys that hold no word of a support's title or of the answer that the sub-question lacks."""
    titles = (passage(support_id).title for support_id in hop.support_ids)
    forbidden = forbidden_words(hop.sub_question, hop.sub_answer, titles)
    return [key for key in keys if not leaks(key.text, forbidden)]


def _candidates(
    hop: Hop, keys: Sequence[SearchKey], passage: Callable[[str], Passage], counts: KeyCounts
) -> list[Candidate]:
    """Those that give nothing away."""
    clean = clean_keys(hop, keys, passage)
    counts.candidates.update(key.kind for key in keys)
    counts.dropped["gives title or answer away"] += len(keys) - len(clean)
    return [Candidate(key, frozenset(hop.support_ids)) for key in clean]


def _chosen(
    candidates: Sequence[Candidate], majority: int, limit: int, counts: KeyCounts
) -> list[SearchKey]:
    """The keys that are kept; the others are counted by why they are not."""
    finding = [candidate for candidate in candidates if candidate.finding >= majority]
    working = [candidate.key for candidate in finding if candidate.showing >= majority]
    chosen, duplicates = choose_keys(working, limit)
    counts.kept.update(key.kind for key in chosen)
    counts.dropped["support found by too few sources"] += len(candidates) - len(finding)
    counts.dropped["support not shown"] += len(finding) - len(working)
    counts.dropped["near-duplicate"] += len(duplicates)
    counts.dropped["enough others"] += len(working) - len(chosen) - len(duplicates)
    return chosen


def _jaccard(key: SearchKey, chosen: SearchKey) -> float:
    own, others = set(words(key.text)), set(words(chosen.text))
    return len(own & others) / max(1, len(own | others))
