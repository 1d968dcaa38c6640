"""Passages as vectors, in shards on disk: what takes long, done once, by as many processes as there are.

A shard is a file of the vectors of some thousand passages, written whole or not at all. Its content depends
on encoder and passages alone, so it does not matter who wrote it: one process or several, before a kill or
after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from stepsearch_core.base.io import write_array
from stepsearch_core.base.ranks import rank, world_size
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams

if TYPE_CHECKING:
    from stepsearch_core.retrieval.encoders import Encoder

SHARD_PASSAGES = 4096
"""Passages encoded at once and kept in one file (12 MB at 768 dimensions)."""


def shard_starts(passages: range) -> range:
    """The first position of every shard of these passages, which begin with a shard."""
    return range(passages.start, passages.stop, SHARD_PASSAGES)


def whole_shards(passages: int) -> int:
    """So many passages, or somewhat fewer, that they are whole shards; at least one shard's."""
    return max(1, passages // SHARD_PASSAGES) * SHARD_PASSAGES


def shard_file(folder: Path, start: int) -> Path:
    """The shard that begins at this position."""
    return folder / f"passages_{start:010d}.npy"


def encode_corpus(
    encoder: Encoder, corpus: Corpus, folder: Path | None = None, starts: Sequence[int] | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (position of the first passage, float32 vectors [passages, dimensions]) shard by shard.

    Args:
        encoder: Fitted to `corpus`.
        corpus: Whose passages are encoded.
        folder: Shards that lie in it are read, others are encoded and written there. None: all are encoded.
        starts: Where the shards begin; None: all of them.
    """
    starts = shard_starts(range(len(corpus))) if starts is None else starts
    sizes = [min(SHARD_PASSAGES, len(corpus) - start) for start in starts]
    with tqdm(total=sum(sizes), desc="encoding", unit=" passages") as bar:
        for start, size in zip(starts, sizes, strict=True):
            file = shard_file(folder, start) if folder else None
            if file and file.is_file():
                vectors = np.load(file)
            else:
                texts = list(corpus.contents(start, start + size))
                vectors = encoder.encode_passages(texts).astype(encoder.dtype, copy=False)
                if file:
                    write_array(file, vectors)
            yield start, vectors.astype(np.float32, copy=False)
            bar.update(size)


def encode_own_shards(params: RetrievalParams, corpus: Corpus, folder: Path) -> None:
    """Encode the shards of this rank, of as many as torch's launcher has started.

    Shares are fixed: every so-manyth shard, whatever lies in the folder.

    Raises:
        DataError: no such encoder, or the segmenter is not installed; DiskFullError: no space left.
    """
    from stepsearch_core.retrieval.encoders import fit_encoder  # seconds to import

    encoder = fit_encoder(params, corpus, folder)
    starts = shard_starts(range(len(corpus)))[rank() :: world_size()]
    for _ in encode_corpus(encoder, corpus, folder, starts):
        pass
