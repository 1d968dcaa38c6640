"""What many queries find and the environment shows of it, in batches, with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from stepsearch_core.base.types import Passage
from stepsearch_core.retrieval.retriever import Retriever

Show = Callable[[Sequence[Passage]], Sequence[str]]
"""Which of a search's results the environment shows, by id (`environment.renderer.Renderer.shown`)."""

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Search:
    """The ids of what a query finds, best first, and of these what is shown."""

    passage_ids: tuple[str, ...]
    shown: frozenset[str]


def search_all(
    retriever: Retriever, queries: Iterable[str], k: int, what: str, show: Show
) -> dict[str, Search]:
    """As `searches`, all of them."""
    return dict(searches(retriever, queries, k, what, show))


def searches(
    retriever: Retriever, queries: Iterable[str], k: int, what: str, show: Show
) -> Iterator[tuple[str, Search]]:
    """The first `k` passages for every distinct query, searched in batches under a progress bar.

    Raises:
        RetrievalError: the retriever failed.
    """
    distinct = list(dict.fromkeys(queries))
    with tqdm(total=len(distinct), desc=what, unit=" queries") as progress:
        for start in range(0, len(distinct), _BATCH):
            batch = distinct[start : start + _BATCH]
            for query, hits in zip(batch, retriever.search(batch, k), strict=True):
                passages = [hit.passage for hit in hits]
                yield query, Search(tuple(passage.id for passage in passages), frozenset(show(passages)))
            progress.update(len(batch))
