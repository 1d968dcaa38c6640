"""Text to vectors for dense retrieval: a neural sentence encoder, or an offline default that needs no model.

The paper searches with E5, a neural encoder. Where none can be had, `hashing` stands in: TF-IDF, projected
at random to a few dimensions, which keeps inner products in expectation and so finds, with noise, what
TF-IDF finds. It exercises the whole dense path, but it is a lexical method and knows no synonyms.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_array
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.text import Segmenter, open_segmenter, squeeze, words
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.runtime.devices import own_device

TERM_BUCKETS = 1 << 20
"""Words are hashed to this many columns: of Wikipedia's words few share one, and no vocabulary is kept."""
ENTRIES_PER_TERM = 8
"""Non-zero entries of the projection for a word. With one (hashing) words collide, many add noise."""
PROJECTION_SEED = 0
ENCODER_BATCH = 64
MAX_TOKENS = 512
_PARALLEL = "TOKENIZERS_PARALLELISM"


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


class HashingEncoder:
    """TF-IDF with sublinear term frequency over the words of `text`, under a sparse random sign matrix.

    The projection has a fixed number of entries a word: a sparse Johnson-Lindenstrauss transform (Kane and
    Nelson, "Sparser Johnson-Lindenstrauss transforms", JACM 2014). Scikit-learn's own gives a word a random
    number of entries, sometimes none, which loses .05 to .15 of recall at 2,048 dimensions.
    """

    def __init__(
        self, idf: np.ndarray, dimensions: int, segment: Segmenter = words, dtype: str = "float32"
    ) -> None:
        """Take the idf of every bucket, [TERM_BUCKETS], and what finds a text's words."""
        self.dimensions = dimensions
        self.dtype = dtype
        self._idf = idf
        self._terms = _term_counts(segment)
        self._tfidf = TfidfTransformer(sublinear_tf=True)
        self._tfidf.idf_ = idf
        self._projection = _random_projection(dimensions)

    @classmethod
    def fit(cls, corpus: Corpus, dimensions: int, segment: Segmenter = words) -> HashingEncoder:
        """Count in how many passages each word occurs: idf = ln((1 + N) / (1 + df)) + 1."""
        terms = _term_counts(segment)
        counts = np.zeros(TERM_BUCKETS)
        for text in tqdm(
            corpus.contents(), total=len(corpus), desc="document frequencies", unit=" passages"
        ):
            counts[terms.transform([text]).indices] += 1
        return cls(np.log((1 + len(corpus)) / (1 + counts)) + 1, dimensions, segment)

    @classmethod
    def load(
        cls, folder: Path, dimensions: int, segment: Segmenter = words, dtype: str = "float32"
    ) -> HashingEncoder:
        """Read what `save` wrote.

        Raises:
            DataError: it is not there or damaged.
        """
        try:
            idf = np.load(folder / "idf.npy")
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"cannot be read: {error}", folder / "idf.npy") from None
        return cls(idf, dimensions, segment, dtype)

    def save(self, folder: Path) -> None:
        """Write the idf; the rest follows from the settings."""
        write_array(folder / "idf.npy", self._idf)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_passages`; a text without a word gives zeros."""
        weights = self._tfidf.transform(self._terms.transform(texts))
        return normalize((weights @ self._projection).toarray().astype(np.float32), copy=False)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_queries`."""
        return self.encode_passages(texts)


class TransformersEncoder:
    """A Hugging Face encoder by name or path: mean of the last hidden states, scaled to length 1.

    Texts are squeezed (NFC), as the corpus is: a tokenizer that does not normalise would take a query in NFD
    for another one. E5 models (Wang et al. 2022) are given the prefixes that they were trained with. Special
    tokens that a text spells are text. With float16 a GPU computes in it; a CPU, slower so, does not.
    """

    def __init__(self, source: str, dtype: str = "float32") -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        self.dtype = dtype
        self._device = own_device()
        with _naming_encoder(source):
            self._tokenizer = AutoTokenizer.from_pretrained(source)
            self._model = AutoModel.from_pretrained(source).eval().to(self._device)
        if dtype == "float16" and self._device != "cpu":
            self._model.to(torch.float16)
        if self._tokenizer.pad_token is None:  # padding is masked, so any token will do
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.dimensions = self._model.config.hidden_size
        is_e5 = "e5" in Path(source).name.lower()
        self._query_prefix, self._passage_prefix = ("query: ", "passage: ") if is_e5 else ("", "")

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_passages`."""
        with _parallel_tokenizers():
            return self._encode([self._passage_prefix + squeeze(text) for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_queries`."""
        return self._encode([self._query_prefix + squeeze(text) for text in texts])

    def save(self, folder: Path) -> None:
        """See `Encoder.save`: nothing was fitted."""

    def _encode(self, texts: list[str]) -> np.ndarray:
        """Vectors in the order of the texts; those of like length share a batch: little is padded."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(order), ENCODER_BATCH):
            batch = order[start : start + ENCODER_BATCH]
            vectors[batch] = self._encode_batch([texts[place] for place in batch])
        return vectors

    def _encode_batch(self, texts: list[str]) -> np.ndarray:
        import torch

        limit = min(MAX_TOKENS, self._tokenizer.model_max_length)
        inputs = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=limit,
            split_special_tokens=True,
            return_tensors="pt",
        ).to(self._device)
        with torch.inference_mode():
            hidden = self._model(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()


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
        return TransformersEncoder(params.encoder, params.dtype)
    return HashingEncoder.load(folder, params.dimensions, open_segmenter(params.segmenter), params.dtype)


def encoder_dimensions(params: RetrievalParams) -> int:
    """Of the vectors that the encoder of `params` will make, without loading it.

    Raises:
        DataError: no such encoder.
    """
    if params.encoder == "hashing":
        return params.dimensions
    from transformers import AutoConfig

    with _naming_encoder(params.encoder):
        return int(AutoConfig.from_pretrained(params.encoder).hidden_size)


@contextmanager
def _naming_encoder(source: str) -> Iterator[None]:
    """What a library says when it loads an encoder, as one line that names the parameter."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, AttributeError, SafetensorError) as error:
        problem = f"no encoder {source!r} can be loaded: {str(error).splitlines()[0]}"
        raise DataError(problem, "params", field="retrieval.encoder") from None


@contextmanager
def _parallel_tokenizers() -> Iterator[None]:
    """Let a tokenizer use all cores; stages keep tokenizers from it, as processes that fork would hang."""
    before = os.environ.get(_PARALLEL)
    os.environ[_PARALLEL] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PARALLEL]
        else:
            os.environ[_PARALLEL] = before


def _term_counts(segment: Segmenter) -> HashingVectorizer:
    """Texts to counts of hashed words, [texts, TERM_BUCKETS]."""
    return HashingVectorizer(
        analyzer=segment, n_features=TERM_BUCKETS, alternate_sign=False, norm=None, dtype=np.float32
    )


def _random_projection(dimensions: int) -> csr_matrix:
    """A sparse matrix [TERM_BUCKETS, dimensions] of random signs, `ENTRIES_PER_TERM` a row."""
    generator = stream(PROJECTION_SEED, Name.PROJECTION)
    entries = TERM_BUCKETS * ENTRIES_PER_TERM
    signs = generator.choice(np.array([-1, 1], dtype=np.float32), entries)
    columns = generator.integers(0, dimensions, entries, dtype=np.int32)
    rows = np.arange(0, entries + 1, ENTRIES_PER_TERM, dtype=np.int32)
    return csr_matrix((signs, columns, rows), shape=(TERM_BUCKETS, dimensions))
