"""The sources that are asked whether a search key works: retrievers of one corpus, each of its own kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params
from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.char_ngrams import CharNgrams
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.index import open_ranker
from stepsearch_core.retrieval.retriever import CorpusRetriever, Retriever


@contextmanager
def open_sources(
    params: Params, index: Path, corpus: Corpus, kept: Path, searched: Retriever
) -> Iterator[Mapping[str, Retriever]]:
    """Those of `synthesize.sources` by name; what they find is kept, so that a restart goes on.

    Args:
        params: of the run.
        index: what the stage `index` built.
        corpus: of it.
        kept: a folder for what is found.
        searched: by `retrieval.method`; it is open already.

    Raises:
        DataError: an index is not there, or was built otherwise, or the corpus is too large.
        RetrievalError: a service does not answer.
    """
    with ExitStack() as opened:
        yield {
            name: searched
            if name == params.retrieval.method
            else CorpusRetriever(_open(name, params, index, corpus, kept, opened), corpus)
            for name in params.synthesize.sources
        }


def _open(
    name: str, params: Params, index: Path, corpus: Corpus, kept: Path, opened: ExitStack
) -> CachedRanker | CharNgrams:
    """Character n-grams are made in memory, and nothing is kept of them: a disk is hardly faster."""
    if name == "char_ngrams":
        return CharNgrams.open(corpus)
    retrieval = replace(params.retrieval, method=name)
    ranker = open_ranker(retrieval, index, corpus)
    cached = CachedRanker(ranker, kept, fingerprint(retrieval, index, corpus).index)
    opened.callback(cached.close)
    return cached
