"""Building and opening the indexes of a corpus, with a manifest that ties them to what they were made from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.io import DataError, read_json, write_json
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever, Ranker, Retriever


def build_index(corpus: Corpus, params: RetrievalParams, folder: Path | str) -> dict[str, Any]:
    """Build the BM25 index of `corpus` in `folder`; returns the manifest."""
    folder = Path(folder)
    BM25Index.build(corpus, params, folder / "bm25")
    manifest = {
        "corpus": corpus.hash,
        "passages": len(corpus),
        "bm25": _bm25_settings(params),
        "versions": {name: version(name) for name in ("bm25s",)},
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def open_retriever(params: RetrievalParams, folder: Path | str, corpus: Corpus, method: str | None = None) -> Retriever:
    """Open the retriever that `params.method` (or `method`) names, over an index that `build_index` wrote.

    Raises:
        DataError: there is no index, or it was built from another corpus or with other settings.
    """
    return CorpusRetriever(open_ranker(params, Path(folder), corpus, method or params.method), corpus)


def open_ranker(params: RetrievalParams, folder: Path, corpus: Corpus, method: str) -> Ranker:
    """As `open_retriever`, but ranking positions only."""
    manifest = read_json(folder / "manifest.json")
    _check("corpus", manifest["corpus"], corpus.hash, folder)
    _check("bm25", manifest["bm25"], _bm25_settings(params), folder)
    return BM25Index.open(folder / "bm25", params)


def _bm25_settings(params: RetrievalParams) -> dict[str, Any]:
    return {"k1": params.bm25_k1, "b": params.bm25_b, "stopwords": params.stopwords}


def _check(what: str, built: Any, wanted: Any, folder: Path) -> None:
    if built != wanted:
        raise DataError(
            f"the index was built with {built}, not {wanted}: run the index stage again (`dvc repro index`)",
            folder / "manifest.json",
            field=what,
        )
