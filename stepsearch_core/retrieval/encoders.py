"""Text to vectors for dense retrieval: a neural sentence encoder, or an offline default that needs no model.

The paper searches with E5, a neural encoder (`sentence_encoder`). Where none can be had, `hashing` stands in
(`hashing_encoder`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from stepsearch_core.base.text import open_segmenter
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.hashing_encoder import HashingEncoder
from stepsearch_core.retrieval.sentence_encoder import SentenceEncoder, sentence_dimensions


class Encoder(Protocol):
    """Turns texts into unit vectors whose inner product is their similarity."""

    dimensions: int
    dtype: str
    """Of `retrieval.dtype`: what the vectors of passages are kept in."""

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 of shape [texts, dimensions]; rows of length 1, or 0 for a text with nothing to encode."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """As `encode_passages`, for queries."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was fitted to the corpus, if anything was."""
        ...


def fit_encoder(params: RetrievalParams, corpus: Corpus, work: Path) -> Encoder:
    """The encoder that `params` names, fitted to `corpus` if need be; `work` keeps what fitting found.

    Raises:
        DataError: no such encoder, or the segmenter is not installed.
    """
    if params.encoder == "hashing" and not (work / "idf.npy").is_file():
        HashingEncoder.fit(corpus, params.dimensions, open_segmenter(params.segmenter)).save(work)
    return open_encoder(params, work)


def open_encoder(params: RetrievalParams, folder: Path) -> Encoder:
    """The encoder that `Encoder.save` wrote to `folder`.

    Raises:
        DataError: it is not there or damaged, or the segmenter is not installed.
    """
    if params.encoder != "hashing":
        return SentenceEncoder(params)
    return HashingEncoder.load(folder, params.dimensions, open_segmenter(params.segmenter), params.dtype)


def encoder_dimensions(params: RetrievalParams) -> int:
    """Of the vectors that the encoder of `params` will make, without its weights in memory.

    Raises:
        DataError: no such encoder.
    """
    return params.dimensions if params.encoder == "hashing" else sentence_dimensions(params.encoder)
