"""Dense indexes on the CPU and on the GPU, over the same vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.doctor.trial import NotHereError, require
from stepsearch_core.doctor.trials.small import small_params
from stepsearch_core.retrieval.dense import DenseIndex, exact_ranking
from stepsearch_core.retrieval.gpu import open_gpu
from stepsearch_core.worlds.facts import build_world

FACTORIES = ("Flat", "IVF16,Flat")
DEPTH = 5
_ROUNDING = 1e-4


def on_cpu(overrides: Sequence[str]) -> dict[str, Any]:
    """Flat and a fully searched IVF rank as the inner products of all vectors do."""
    return {f"{name} gap": gap for name, gap in _gaps(("retrieval.device=cpu", *overrides)).items()}


def on_gpu(overrides: Sequence[str]) -> dict[str, Any]:
    """The same with `retrieval.device: cuda`."""
    params = small_params(("retrieval.device=cuda", *overrides))
    try:
        open_gpu(params.retrieval)
    except DataError as error:
        raise NotHereError(error.problem.removesuffix("; `cpu` always works")) from None
    return {f"{name} gap": gap for name, gap in _gaps(("retrieval.device=cuda", *overrides)).items()}


def _gaps(overrides: Sequence[str]) -> dict[str, float]:
    """The largest difference of a score from the exact one's, by kind of index."""
    world = build_world(small_params(overrides).fetch.world)
    queries = [passage.title for passage in world.passages[:50]]
    gaps = {}
    with TemporaryDirectory(prefix="stepsearch-") as temporary:
        build_corpus(world.passages, Path(temporary) / "corpus")
        corpus = Corpus.open(Path(temporary) / "corpus")
        for number, factory in enumerate(FACTORIES):
            search = "null" if factory == "Flat" else "nprobe=16"
            kind = (f"retrieval.index_factory={factory}", f"retrieval.index_search={search}")
            params = small_params((*overrides, "retrieval.dimensions=64", *kind))
            folder = Path(temporary) / str(number)
            folder.mkdir()
            index = DenseIndex.build(corpus, params.retrieval, folder)
            found = _scores(index.rank(queries, DEPTH))
            wanted = _scores(exact_ranking(index.encoder, corpus, queries, DEPTH))
            gaps[factory] = float(np.abs(found - wanted).max())
            require(gaps[factory] <= _ROUNDING, f"{factory} is {gaps[factory]:.2g} off the exact scores")
    return gaps


def _scores(rankings: Sequence[Sequence[tuple[int, float]]]) -> np.ndarray:
    return np.array([[score for _, score in ranking] for ranking in rankings])
