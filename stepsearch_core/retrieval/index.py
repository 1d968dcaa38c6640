"""Building and opening the indexes of a corpus, with a manifest of what they were made from."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder, read_object, write_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.fusion import FusedRanker
from stepsearch_core.retrieval.retriever import CorpusRetriever, Ranker, Retriever

METHODS = {"bm25": ("bm25",), "dense": ("dense",), "hybrid": ("bm25", "dense")}
"""Which indexes each `retrieval.method` searches."""


def build_index(
    corpus: Corpus, params: RetrievalParams, folder: Path | str, work: Path | None = None
) -> dict[str, Any]:
    """Build the BM25 and the dense index of `corpus` in `folder`, whole or not at all; returns the manifest.

    With a folder `work`, kept for this corpus and these settings, a build that was killed encodes only the
    passages that it had not yet encoded. BM25 is one call of a library, seconds for 100,000 passages and
    minutes for millions: it starts over.

    Raises:
        DataError: a setting that an index cannot have; DiskFullError: no space left.
    """
    from stepsearch_core.retrieval.dense import DenseIndex
    from stepsearch_core.retrieval.factory import check_factory

    # another encoder's dimensions are known once it is open, before it encodes
    if params.encoder == "hashing":
        check_factory(params.index_factory, params.dimensions, len(corpus))
    with atomic_folder(folder) as temporary:
        for name in ("bm25", "dense"):
            (temporary / name).mkdir()
        BM25Index.build(corpus, params, temporary / "bm25")
        DenseIndex.build(corpus, params, temporary / "dense", work)
        manifest = {
            "corpus": corpus.hash,
            "passages": len(corpus),
            "settings": _settings(params),
            "versions": _versions(),
        }
        write_json(temporary / "manifest.json", manifest)
    return manifest


def open_retriever(params: RetrievalParams, folder: Path | str, corpus: Corpus) -> Retriever:
    """Open the retriever that `params.method` names, over what `build_index` wrote.

    Raises:
        DataError: there is no index, or it was built from another corpus or with other settings.
    """
    return CorpusRetriever(open_ranker(params, folder, corpus), corpus)


def open_ranker(params: RetrievalParams, folder: Path | str, corpus: Corpus) -> Ranker:
    """As `open_retriever`, but ranking positions of the corpus, without reading passages."""
    folder = Path(folder)
    manifest = read_object(folder / "manifest.json", ("corpus", "settings"))
    _check("corpus", manifest["corpus"], corpus.hash, folder)
    names = METHODS[params.method]
    for name in names:
        _check(name, manifest["settings"].get(name), _settings(params)[name], folder)
    rankers = [_open(name, params, folder / name) for name in names]
    return rankers[0] if len(rankers) == 1 else FusedRanker(rankers, params.fusion_constant)


def _open(name: str, params: RetrievalParams, folder: Path) -> Ranker:
    if name == "bm25":
        return BM25Index.open(folder, params)
    from stepsearch_core.retrieval.dense import DenseIndex

    return DenseIndex.open(folder, params)


def _settings(params: RetrievalParams) -> dict[str, dict[str, Any]]:
    """What each index depends on; `method` and `fusion_constant` are choices of the search."""
    dense: dict[str, Any] = {"encoder": params.encoder, "index_factory": params.index_factory}
    segmenter = {"segmenter": params.segmenter}
    if params.encoder == "hashing":
        dense |= {"dimensions": params.dimensions, **segmenter}
    return {
        "bm25": {"k1": params.bm25_k1, "b": params.bm25_b, "stopwords": params.stopwords, **segmenter},
        "dense": dense,
    }


def _versions() -> dict[str, str]:
    import faiss

    named = {name: version(name) for name in ("bm25s", "regex", "scikit-learn", "transformers")}
    return named | {"faiss": faiss.__version__}  # faiss-cpu and faiss-gpu are distributions of one module


def _check(what: str, built: Any, wanted: Any, folder: Path) -> None:
    if built != wanted:
        raise DataError(
            f"the index was built with {built}, but {wanted} is asked for:"
            " build it again (`dvc repro index`)",
            folder / "manifest.json",
            field=what,
        )
