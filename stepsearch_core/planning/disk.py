"""Disk: corpus and indexes (by the number of passages), checkpoints, and what is downloaded."""

from __future__ import annotations

from dataclasses import replace

from stepsearch_core.params import FetchParams, Params, indexes_of
from stepsearch_core.policy.structure import DTYPE_BYTES, local_folder
from stepsearch_core.retrieval.factory import make_index
from stepsearch_core.retrieval.footprint import Footprint, footprint
from stepsearch_core.training.architecture import Architecture
from stepsearch_core.training.memory import state_bytes

PASSAGES = {"PeterJinGo/wiki-18-corpus": 21_015_324}
"""Passages of published corpora; of any other source they are known only after `fetch`."""
ENCODER_DIMENSIONS = {"intfloat/e5-base-v2": 768}
"""Of an encoder that is not listed, 1024 is assumed, the size of the `large` ones."""
PASSAGE_BYTES = 700
"""Of a passage of 100 words in the fetched file (14 GB for wiki-18); the corpus folder holds it once more.
"""
BM25_BYTES = {"bm25s": 610, "tantivy": 160}
"""Of a passage of 100 words in an index of either engine (61 MB and 16 MB for 100,000)."""
TERM_BYTES = 400
"""Of a passage of 100 words in the reward's term statistics (13 MB for 36,836 passages of 87 words)."""


def passage_count(fetch: FetchParams) -> int | None:
    """Passages of the corpus, None where it is not known beforehand."""
    corpus = fetch.sources.get("corpus") if fetch.source == "datasets" else None
    return PASSAGES.get(corpus.name) if corpus else None


def built_indexes(params: Params) -> set[str]:
    """The indexes that the stage `index` builds; none where a service alone is searched and measured."""
    return indexes_of([params.retrieval.method, *params.index.measured_methods])


def dense_footprint(params: Params) -> Footprint:
    """What the dense index of a profile's corpus takes, by the dimensions that its encoder is known or taken
    to have; nothing without one, or of a corpus that is not known. A ready-made one takes nothing to build.

    Raises:
        DataError: FAISS knows no such index, or cannot tell.
    """
    if "dense" not in built_indexes(params):
        return Footprint(0, 0, 0)
    retrieval, passages = params.retrieval, passage_count(params.fetch)
    known = {"hashing": retrieval.dimensions} | ENCODER_DIMENSIONS
    if retrieval.encoder in known and not params.index.ready_made:
        make_index(retrieval.index_factory, known[retrieval.encoder])  # whatever the corpus, it must be one
    needed = footprint(retrieval, known.get(retrieval.encoder, 1024), passages or 0)
    return replace(needed, disk=0, memory=0) if params.index.ready_made else needed


def disk_bytes(params: Params, shape: Architecture) -> dict[str, int]:
    """What the stages write; the corpus and its indexes only where the number of passages is known.

    Of checkpoints there are two, as the old one goes after the new, one more where the best is kept, and one
    more while a limit of `watch.guard` is being broken. Policies are a downloaded one, the warm start's and
    the trained one, with a critic model beside it.
    """
    passages = passage_count(params.fetch) or 0
    bm25 = BM25_BYTES[params.retrieval.bm25_engine] if "bm25" in built_indexes(params) else 0
    guarded = any(
        limit is not None for name, limit in vars(params.watch.guard).items() if name != "patience"
    )
    source, size = params.model.source, DTYPE_BYTES[params.model.dtype]
    downloaded = source is not None and local_folder(source) is None
    return {
        "corpus": 2 * PASSAGE_BYTES * passages,
        "indexes": (bm25 + TERM_BYTES) * passages + dense_footprint(params).disk,
        "checkpoints": (2 + (params.train.export == "best") + guarded) * _checkpoint_bytes(params, shape),
        "policies": size * ((2 + downloaded) * shape.parameters + shape.critic),
    }


def _checkpoint_bytes(params: Params, shape: Architecture) -> int:
    """Weights and optimizer states of actor and critic, however many processes share them."""
    alone = replace(params.train, processes=1, offload_optimizer=False)
    total = 0.0
    for parameters, trained in ((shape.actor, shape.trained), (shape.critic, shape.critic)):
        states = state_bytes(parameters, trained, params.model.dtype, alone)
        total += states["weights"] + states["optimizer states"]
    return int(total) + 12 * shape.value_head


def downloads(params: Params) -> list[str]:
    """Names of models and datasets (with revision) that are not local."""
    names = [params.model.source] if params.model.source else []
    if params.retrieval.encoder != "hashing" and "dense" in built_indexes(params):
        names.append(params.retrieval.encoder)
    if params.fetch.source == "datasets":
        entries = params.fetch.sources.values()
        names += [f"{entry.name}@{entry.revision}" for entry in entries if entry.revision]
    return [name for name in dict.fromkeys(names) if not local_folder(name)]
