"""TF-IDF cosine between passages of a corpus, with document frequencies of the whole corpus.

The paper does not say which texts the idf comes from. The released code fits a new model for every retrieved
passage on that passage and the gold ones (n + 1 texts), which makes words that the passages share look rare
and costs tens of milliseconds a trajectory. Here the stage `index` counts every passage's terms once and
writes them as flat arrays (some 400 bytes for a passage of 100 words), which are mapped into memory: a
reward reads a few rows of them by position and touches no text. Frequencies are counted over titles and
texts, vectors are of the texts alone (`breakdown` says why). Terms are the words of `base.text`, as
everywhere; the weighting is scikit-learn's default: raw counts times idf = ln((1 + N) / (1 + df)) + 1,
L2-normalised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder, read_object, write_array, write_json
from stepsearch_core.base.text import Segmenter, open_segmenter, words
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus

_TERMS, _COUNTS = np.uint32, np.uint16
_MOST = np.iinfo(_COUNTS).max


class TfidfSimilarity:
    """Cosines of TF-IDF vectors over fixed document frequencies; not for several threads at once."""

    def __init__(
        self,
        positions: Callable[[Sequence[str]], np.ndarray],
        starts: np.ndarray,
        terms: np.ndarray,
        counts: np.ndarray,
        frequencies: np.ndarray,
        segment: Segmenter = words,
    ) -> None:
        """Take the passages' terms, one passage after another.

        Args:
            positions: the position of each passage id as int64, -1 for an unknown one.
            starts: int64 [passages + 1], where the terms of each passage start; the last one is their
                number.
            terms: uint32, numbers of terms.
            counts: uint16, how often each of them occurs in its passage.
            frequencies: int64 [vocabulary], in how many passages each term occurs.
            segment: what found the terms; whoever scores by this similarity counts words alike.
        """
        self.documents = len(starts) - 1
        self.segment = segment
        self._positions = positions
        self._starts = starts
        self._terms = terms
        self._counts = counts
        self._idf = np.log((1 + self.documents) / (1 + frequencies)) + 1
        self._gold = np.zeros(len(frequencies))  # one gold passage's weights during `cosine`, otherwise 0

    @classmethod
    def fit(cls, passages: Iterable[Passage], segment: Segmenter = words) -> TfidfSimilarity:
        """Count the terms of passages in memory."""
        vocabulary: dict[str, int] = {}
        frequencies: Counter[int] = Counter()
        places: dict[str, int] = {}
        rows = [np.empty((2, 0), dtype=np.int64)]
        for passage in passages:
            places[passage.id] = len(rows) - 1
            rows.append(_count(passage, segment, vocabulary, frequencies))
        terms, counts = np.concatenate(rows, axis=1)
        return cls(
            lambda ids: np.array([places.get(identifier, -1) for identifier in ids], dtype=np.int64),
            np.cumsum([row.shape[1] for row in rows]),
            terms.astype(_TERMS),
            counts.astype(_COUNTS),
            _in_order(frequencies, len(vocabulary)),
            segment,
        )

    @staticmethod
    def build(corpus: Corpus, folder: Path | str, segmenter: str = "unicode") -> None:
        """Count the terms of a corpus and write them to `folder`; only the vocabulary stays in memory.

        Raises:
            DataError: the segmenter is not installed.
        """
        segment = open_segmenter(segmenter)
        vocabulary: dict[str, int] = {}
        frequencies: Counter[int] = Counter()
        starts = np.zeros(len(corpus) + 1, dtype=np.int64)
        with atomic_folder(folder) as new:
            with (new / "terms.bin").open("wb") as terms, (new / "counts.bin").open("wb") as counts:
                for number, passage in enumerate(
                    tqdm(corpus, desc="term statistics", unit="passage"), start=1
                ):
                    row = _count(passage, segment, vocabulary, frequencies)
                    row[0].astype(_TERMS).tofile(terms)
                    row[1].astype(_COUNTS).tofile(counts)
                    starts[number] = starts[number - 1] + row.shape[1]
            write_array(new / "starts.npy", starts)
            write_array(new / "frequencies.npy", _in_order(frequencies, len(vocabulary)))
            made_from = {"corpus": corpus.hash, "segmenter": segmenter}
            write_json(new / "manifest.json", {**made_from, "terms": int(starts[-1])})

    @classmethod
    def open(cls, folder: Path | str, corpus: Corpus, segmenter: str = "unicode") -> TfidfSimilarity:
        """Map what `build` wrote of the same corpus.

        Raises:
            DataError: `folder` holds no term statistics, damaged ones, or those of another corpus or
                segmenter; the segmenter is not installed.
        """
        folder = Path(folder)
        manifest = read_object(folder / "manifest.json", ("corpus", "segmenter", "terms"))
        if manifest["corpus"] != corpus.hash:
            raise DataError("the term statistics of another corpus; run the stage index again", folder)
        if manifest["segmenter"] != segmenter:
            problem = (
                f"words found by {manifest['segmenter']}, but {segmenter} is asked for:"
                " run the stage index again"
            )
            raise DataError(problem, folder / "manifest.json", field="segmenter")
        try:
            starts, frequencies = (
                np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("starts", "frequencies")
            )
            terms, counts = (
                np.memmap(folder / f"{name}.bin", dtype=kind, mode="r")
                for name, kind in (("terms", _TERMS), ("counts", _COUNTS))
            )
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"no whole term statistics: {error}", folder) from None
        if not (len(terms) == len(counts) == manifest["terms"] and len(starts) == len(corpus) + 1):
            raise DataError(f"no whole term statistics: {len(terms)} terms, {len(counts)} counts", folder)
        starts = np.asarray(starts)
        frequencies = np.asarray(frequencies)
        return cls(
            corpus.positions,
            starts,
            np.asarray(terms),
            np.asarray(counts),
            frequencies,
            open_segmenter(segmenter),
        )

    def known(self, passage_ids: Sequence[str]) -> list[str]:
        """Those of the ids that belong to a passage of the corpus, in order."""
        return [
            pid
            for pid, position in zip(passage_ids, self._positions(passage_ids), strict=True)
            if position >= 0
        ]

    def cosine(self, gold_ids: Sequence[str], passage_ids: Sequence[str]) -> np.ndarray:
        """Cosines in [0, 1] as float64 [n_gold, n_passage]; 0 for a text without a term.

        Raises:
            KeyError: a passage is unknown.
        """
        ids = [*gold_ids, *passage_ids]
        positions = self._positions(ids)
        if len(positions) and positions.min() < 0:
            raise KeyError(f"no passage with id {ids[int(positions.argmin())]!r} in the term statistics")
        starts = self._starts[positions]
        lengths = self._starts[positions + 1] - starts
        ends = lengths.cumsum()  # of each passage in what is read below
        owners = np.arange(len(ids)).repeat(lengths)
        read = np.arange(len(owners)) + (starts - ends + lengths).repeat(lengths)
        terms = self._terms[read]
        weights = self._counts[read] * self._idf[terms]
        weights /= np.sqrt(np.bincount(owners, weights * weights, len(ids)))[owners]
        cosines = np.empty((len(gold_ids), len(passage_ids)))
        first = int(ends[len(gold_ids) - 1]) if gold_ids else 0  # where the passages begin
        owners = owners[first:] - len(gold_ids)
        for row, end, length in zip(cosines, ends.tolist(), lengths.tolist(), strict=False):
            gold = slice(end - length, end)
            self._gold[terms[gold]] = weights[gold]
            row[:] = np.bincount(owners, self._gold[terms[first:]] * weights[first:], len(passage_ids))
            self._gold[terms[gold]] = 0.0
        return np.minimum(cosines, 1.0)


def _count(
    passage: Passage, segment: Segmenter, vocabulary: dict[str, int], frequencies: Counter[int]
) -> np.ndarray:
    """The text's terms and their counts, int64 [2, terms]; new ones enter the vocabulary."""
    counts = Counter(_number(segment(passage.text), vocabulary))
    frequencies.update(counts.keys() | set(_number(segment(passage.title), vocabulary)))
    return np.array([[*counts], np.minimum([*counts.values()], _MOST)], dtype=np.int64).reshape(2, -1)


def _number(terms: Iterable[str], vocabulary: dict[str, int]) -> Iterator[int]:
    for term in terms:
        yield vocabulary.setdefault(term, len(vocabulary))


def _in_order(frequencies: Counter[int], terms: int) -> np.ndarray:
    return np.array([frequencies[term] for term in range(terms)], dtype=np.int64)
