"""Building and opening the indexes of a corpus, with a manifest of what was built, and from what.

Only what is searched is built: `params.indexes_of` says which indexes that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder, read_object, write_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import METHODS, RetrievalParams, indexes_of
from stepsearch_core.retrieval.bm25_engines import bm25_engine
from stepsearch_core.retrieval.fusion import FusedRanker
from stepsearch_core.retrieval.retriever import CorpusRetriever, Ranker, Retriever

if TYPE_CHECKING:
    from stepsearch_core.retrieval.ready_made import ReadyMade


def build_index(
    corpus: Corpus,
    params: RetrievalParams,
    folder: Path | str,
    work: Path | None = None,
    measured: Iterable[str] = (),
    ready_made: ReadyMade | None = None,
) -> dict[str, Any]:
    """Build the indexes of `corpus` that are searched in `folder`, whole or not at all.

    With a folder `work`, kept for this corpus and these settings, a build that was killed goes on from the
    passages that it had encoded and the parts that it had filled. BM25 is one call of a library, seconds for
    100,000 passages and minutes for millions: it starts over.

    Args:
        corpus: At least one passage.
        params: Settings of the indexes; `params.method` is searched.
        folder: Gets a folder for each index, and the manifest.
        work: Belongs to this corpus and these settings, or None: nothing is kept.
        measured: Methods that are searched besides.
        ready_made: A dense index to check and to search, so that fewer passages are encoded or none.

    Returns:
        The manifest; its `settings` have an entry for each index, and `ready_made` tells of one taken.

    Raises:
        DataError: a setting that an index cannot have, or too little memory or disk for it;
            DiskFullError: no space left.
    """
    from stepsearch_core.retrieval.building import check_build
    from stepsearch_core.retrieval.dense import DenseIndex
    from stepsearch_core.retrieval.encoders import encoder_dimensions
    from stepsearch_core.retrieval.factory import set_search
    from stepsearch_core.retrieval.ready_made import open_ready_made, read_ready_made

    names = sorted(indexes_of([params.method, *measured]))
    with atomic_folder(folder) as temporary:
        if "dense" in names and ready_made is None:
            check_build(params, len(corpus), temporary, work or temporary)
        elif "dense" in names and ready_made:
            set_search(open_ready_made(ready_made.file, encoder_dimensions(params)), params.index_search)
        for name in names:
            (temporary / name).mkdir()
        if "bm25" in names:
            bm25_engine(params).build(corpus, params, temporary / "bm25")
        manifest: dict[str, Any] = {"corpus": corpus.hash, "passages": len(corpus)}
        if "dense" in names:
            DenseIndex.build(corpus, params, temporary / "dense", work, ready_made)
            if made := read_ready_made(temporary / "dense"):
                manifest["ready_made"] = made
        settings = _settings(params, "ready_made" in manifest)
        manifest |= {"settings": {name: settings[name] for name in names}, "versions": _versions(params)}
        write_json(temporary / "manifest.json", manifest)
    return manifest


def open_retriever(params: RetrievalParams, folder: Path | str, corpus: Corpus) -> Retriever:
    """Open the retriever that `params.method` names, over what `build_index` wrote.

    Raises:
        DataError: there is no such index, or it was built from another corpus or with other settings; or a
            service searches another corpus.
        RetrievalError: a service that does not answer.
    """
    return CorpusRetriever(open_ranker(params, folder, corpus), corpus)


def open_ranker(params: RetrievalParams, folder: Path | str, corpus: Corpus) -> Ranker:
    """As `open_retriever`, but ranking positions of the corpus, without reading passages."""
    if params.method == "remote":
        from stepsearch_core.retrieval.remote import RemoteRanker, open_client

        return RemoteRanker(open_client(params), corpus)
    folder = Path(folder)
    manifest = read_object(folder / "manifest.json", ("corpus", "settings"))
    _check("corpus", manifest["corpus"], corpus.hash, folder)
    names = METHODS[params.method]
    for name in names:
        if name not in manifest["settings"]:
            raise DataError(
                f"no {name} index was built, which retrieval.method {params.method} searches:"
                " build it (`dvc repro index`)",
                folder / "manifest.json",
            )
        wanted = _settings(params, "ready_made" in manifest)[name]
        _check(name, manifest["settings"][name], wanted, folder)
    made = manifest.get("ready_made", {"vectors": 0, "passages": 0})
    vectors = made["vectors"] + len(corpus) - made["passages"]
    rankers = [_open(name, params, folder / name, vectors) for name in names]
    return rankers[0] if len(rankers) == 1 else FusedRanker(rankers, params.fusion_constant)


def _open(name: str, params: RetrievalParams, folder: Path, vectors: int) -> Ranker:
    if name == "bm25":
        return bm25_engine(params).open(folder, params)
    from stepsearch_core.retrieval.dense import DenseIndex

    dense = DenseIndex.open(folder, params)
    if dense.index.ntotal != vectors:
        raise DataError(f"{dense.index.ntotal:,} vectors of {vectors:,}: a part is missing", folder)
    return dense


def _settings(params: RetrievalParams, ready_made: bool) -> dict[str, dict[str, Any]]:
    """What each index depends on; what is not here is a choice of the search."""
    dense: dict[str, Any] = {"encoder": params.encoder}
    if not ready_made:
        dense |= {"index_factory": params.index_factory, "dtype": params.dtype}
    segmenter = {"segmenter": params.segmenter}
    if params.encoder == "hashing":
        dense |= {"dimensions": params.dimensions, **segmenter}
    else:
        dense |= {"encoder_dtype": params.encoder_dtype, "passage_prompt": params.passage_prompt}
    bm25 = {"engine": params.bm25_engine, "k1": params.bm25_k1, "b": params.bm25_b}
    return {"bm25": bm25 | {"stopwords": params.stopwords, **segmenter}, "dense": dense}


def _versions(params: RetrievalParams) -> dict[str, str]:
    import faiss

    names = (params.bm25_engine, "regex", "scikit-learn", "sentence-transformers", "transformers")
    named = {name: version(name) for name in names}
    return named | {"faiss": faiss.__version__}  # faiss-cpu and faiss-gpu are distributions of one module


def _check(what: str, built: Any, wanted: Any, folder: Path) -> None:
    if built != wanted:
        raise DataError(
            f"the index was built with {built}, but {wanted} is asked for:"
            " build it again (`dvc repro index`)",
            folder / "manifest.json",
            field=what,
        )
