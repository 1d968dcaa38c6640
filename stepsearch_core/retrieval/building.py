"""Building a dense index: encode what is missing, train on a sample, fill one part after another.

Every step leaves whole files in the work folder, and a step whose file is there is not done again. Memory
holds one shard and one part, whatever the number of passages.
"""

from __future__ import annotations

import os
import shutil
from itertools import chain
from pathlib import Path

import faiss
import numpy as np
from tqdm import tqdm

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import Encoder, encoder_dimensions, fit_encoder
from stepsearch_core.retrieval.factory import (
    check_factory,
    make_index,
    naming_faiss,
    set_search,
    training_positions,
)
from stepsearch_core.retrieval.footprint import admit, footprint
from stepsearch_core.retrieval.gpu import FaissGpu, open_gpu
from stepsearch_core.retrieval.parts import (
    ONLY,
    add_vectors,
    is_ivf,
    part_name,
    part_ranges,
    write_part,
)
from stepsearch_core.retrieval.shards import encode_corpus, shard_file, shard_starts

TRAINED = "trained.faiss"
"""The empty index that every part begins as, in the work folder."""


def check_build(params: RetrievalParams, passages: int, folder: Path, work: Path) -> None:
    """Make sure, before any work, that the index of so many passages can be built here.

    Args:
        params: Its settings.
        passages: Of the corpus.
        folder: Will hold the index.
        work: Will hold the work in progress, and may hold some by now.

    Raises:
        DataError: no such encoder or kind of index, too few passages to train it, too little memory or disk,
            or no GPU.
    """
    dimensions = encoder_dimensions(params)
    check_factory(params.index_factory, dimensions, passages)
    set_search(make_index(params.index_factory, dimensions), params.index_search)
    open_gpu(params)
    admit(footprint(params, dimensions, passages), passages, folder, work)


def prepare_encoding(corpus: Corpus, params: RetrievalParams, folder: Path, work: Path) -> None:
    """What comes before several processes encode: `check_build`, and what an encoder is fitted to in `work`.

    Raises:
        DataError: as `check_build`; DiskFullError: no space left.
    """
    check_build(params, len(corpus), folder, work)
    if params.encoder == "hashing":
        fit_encoder(params, corpus, work)


def build_parts(
    corpus: Corpus,
    params: RetrievalParams,
    encoder: Encoder,
    folder: Path,
    work: Path,
    passages: range | None = None,
) -> None:
    """Put the index of `corpus` into `folder`, in one file or in parts.

    Args:
        corpus: Whose passages are indexed.
        params: Settings of the index.
        encoder: Fitted to the corpus.
        folder: Gets the index.
        work: Work in progress.
        passages: Positions of a run of passages to index alone, in an index that needs no training; None:
            all of them.

    Raises:
        DataError: FAISS cannot make it; DiskFullError: no space left.
    """
    gpu = open_gpu(params)
    passages = range(len(corpus)) if passages is None else passages
    parts = part_ranges(make_index(params.index_factory, encoder.dimensions), passages)
    missing = [part for part in parts if not (work / part_name(part.start)).is_file()]
    for _ in encode_corpus(encoder, corpus, work, list(chain.from_iterable(map(shard_starts, missing)))):
        pass
    if missing and not (work / TRAINED).is_file():
        empty = _trained(params.index_factory, encoder.dimensions, len(corpus), work, gpu)
        write_part(empty, work / TRAINED)
    for part in tqdm(missing, desc="indexing", unit=" parts"):
        with naming_faiss(params.index_factory):
            write_part(_filled(part, work, gpu), work / part_name(part.start))
        if params.index_factory == "Flat":  # of others the report measures what they lose of these
            for start in shard_starts(part):
                shard_file(work, start).unlink()
    for part in parts:
        name = part_name(part.start)
        _place(work / name, folder / (name if len(parts) > 1 else ONLY))


def _trained(factory: str, dimensions: int, passages: int, work: Path, gpu: FaissGpu | None) -> faiss.Index:
    """The empty index, trained if its kind needs that."""
    index = make_index(factory, dimensions)
    if not index.is_trained:
        with naming_faiss(factory):
            sample = training_sample(passages, work)
            gpu.train(index, sample) if gpu else index.train(sample)
    return index


def training_sample(passages: int, work: Path) -> np.ndarray:
    """The vectors of the passages at `training_positions`, float32, from whole shards."""
    stride = training_positions(passages).step
    sampled = []
    for start in shard_starts(range(passages)):
        vectors = np.load(shard_file(work, start), mmap_mode="r")
        sampled.append(np.asarray(vectors[-start % stride :: stride], dtype=np.float32))
    return np.concatenate(sampled)


def _filled(part: range, work: Path, gpu: FaissGpu | None) -> faiss.Index:
    """The part of these passages, from their shards."""
    index = faiss.read_index(str(work / TRAINED))
    on_gpu = gpu if is_ivf(index) else None  # to find each vector's cluster is work, to append codes is none
    if on_gpu:
        index = on_gpu.put(index)
    for start in shard_starts(part):
        add_vectors(index, np.load(shard_file(work, start)).astype(np.float32, copy=False), start)
    return on_gpu.take(index) if on_gpu else index


def _place(file: Path, target: Path) -> None:
    """Give a finished part its second name; on another file system, a copy."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
