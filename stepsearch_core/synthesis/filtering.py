"""Keeping the search keys that work: those that find a support, few and unlike each other.

The paper (2.1) asks M search engines and keeps a query if at least half of them return "valid" results,
which it does not define. Here M = 1, the retriever that the policy will search with, and valid means that a
support of the hop is among the first `key_depth` results and is shown, where not all of them have room in
an observation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.params import SynthesizeParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey, candidate_keys
from stepsearch_core.synthesis.sub_questions import lower_words, parse_hops

Show = Callable[[Sequence[Passage]], Sequence[str]]
"""Which of a search's results the environment shows, by id (`environment.renderer.Renderer.shown`)."""

MAX_SIMILARITY = 0.8
"""Keys whose sets of words have a larger Jaccard index are near-duplicates."""
_BATCH = 512


@dataclass
class KeyCounts:
    """What became of the candidates, how many keys the hops have, and how much was found and shown."""

    hops_by_keys: Counter[int] = field(default_factory=Counter)
    candidates: Counter[KeyKind] = field(default_factory=Counter)
    kept: Counter[KeyKind] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    passages: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Everything in plain types, with the share of hops that have no key."""
        hops = self.hops_by_keys.total()
        return {
            "hops": hops,
            "hops_by_keys": {str(keys): self.hops_by_keys[keys] for keys in sorted(self.hops_by_keys)},
            "hops_without_key": self.hops_by_keys[0] / hops if hops else None,
            "candidates": {kind.value: self.candidates[kind] for kind in KeyKind},
            "kept": {kind.value: self.kept[kind] for kind in KeyKind},
            "dropped": dict(sorted(self.dropped.items())),
            "passages": dict(sorted(self.passages.items())),
        }


def add_search_keys(
    questions: Sequence[Question],
    mined: Mapping[str, Sequence[str]],
    params: SynthesizeParams,
    retriever: Retriever,
    passage: Callable[[str], Passage],
    show: Show,
) -> tuple[list[Question], KeyCounts]:
    """Give every hop its search keys; a hop without any is kept.

    Args:
        questions: With decompositions.
        mined: Mined words by relation, from `PhrasingMiner`.
        params: `keys_per_hop` and `key_depth`.
        retriever: Judges the keys.
        passage: Gives a passage by its id.
        show: Says which results are shown.

    Raises:
        RetrievalError: the retriever failed.
    """
    candidates = [_candidates(question, mined, passage) for question in questions]
    queries = (key.text for hops in candidates for keys in hops for key in keys)
    found = search_all(retriever, queries, params.key_depth, "search keys", show)
    counts = KeyCounts()
    counts.passages["found"] = sum(len(search.passage_ids) for search in found.values())
    counts.passages["not shown"] = counts.passages["found"] - sum(
        len(search.shown) for search in found.values()
    )
    keyed = []
    for question, keys_by_hop in zip(questions, candidates, strict=True):
        choices = zip(question.hops, keys_by_hop, strict=True)
        hops = tuple(_with_keys(hop, keys, found, params.keys_per_hop, counts) for hop, keys in choices)
        keyed.append(replace(question, hops=hops))
    return keyed, counts


@dataclass(frozen=True, slots=True)
class Search:
    """The ids of what a query finds, best first, and of these what is shown."""

    passage_ids: tuple[str, ...]
    shown: frozenset[str]


def search_all(
    retriever: Retriever, queries: Iterable[str], k: int, what: str, show: Show
) -> dict[str, Search]:
    """The first `k` passages for every distinct query, searched in batches under a progress bar.

    Raises:
        RetrievalError: the retriever failed.
    """
    distinct = list(dict.fromkeys(queries))
    found: dict[str, Search] = {}
    with tqdm(total=len(distinct), desc=what, unit=" queries") as progress:
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            for query, hits in zip(batch, retriever.search(batch, k), strict=True):
                passages = [hit.passage for hit in hits]
                found[query] = Search(tuple(passage.id for passage in passages), frozenset(show(passages)))
            progress.update(len(batch))
    return found


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


def _candidates(
    question: Question, mined: Mapping[str, Sequence[str]], passage: Callable[[str], Passage]
) -> list[list[SearchKey]]:
    candidates = []
    for hop, sub_question in zip(question.hops, parse_hops(question), strict=True):
        support_words = {word for sid in hop.support_ids for word in lower_words(passage(sid).contents)}
        candidates.append(candidate_keys(sub_question, mined.get(sub_question.relation, ()), support_words))
    return candidates


def _with_keys(
    hop: Hop, keys: Sequence[SearchKey], found: Mapping[str, Search], limit: int, counts: KeyCounts
) -> Hop:
    finding = [key for key in keys if set(found[key.text].passage_ids).intersection(hop.support_ids)]
    working = [key for key in finding if found[key.text].shown.intersection(hop.support_ids)]
    chosen, duplicates = choose_keys(working, limit)
    counts.hops_by_keys[len(chosen)] += 1
    counts.candidates.update(key.kind for key in keys)
    counts.kept.update(key.kind for key in chosen)
    counts.dropped["support not found"] += len(keys) - len(finding)
    counts.dropped["support not shown"] += len(finding) - len(working)
    counts.dropped["near-duplicate"] += len(duplicates)
    counts.dropped["enough others"] += len(working) - len(chosen) - len(duplicates)
    return replace(hop, search_keys=tuple(key.text for key in chosen))


def _jaccard(key: SearchKey, chosen: SearchKey) -> float:
    words = set(lower_words(key.text))
    chosen_words = set(lower_words(chosen.text))
    return len(words & chosen_words) / len(words | chosen_words)
