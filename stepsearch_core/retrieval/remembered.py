"""A retriever that remembers on disk what it found, so that long work can be killed and go on.

Every call is one part, a file named by a hash of its queries and depth. Parts belong to one retriever, so
the folder is a `WorkFolder` named by the index, its settings and the code that searches it (at least).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.io import read_json, write_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.retriever import Hit, Retriever


class RememberedSearches:
    """Searches with another retriever, once for every distinct call."""

    def __init__(self, retriever: Retriever, corpus: Corpus, folder: Path) -> None:
        """Wrap `retriever`, whose hits are passages of `corpus`, and keep the parts in `folder`."""
        self._retriever = retriever
        self._corpus = corpus
        self._folder = folder

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See `Retriever.search`; scores come back to the last bit."""
        part = self._folder / f"searches_{sha256_json([k, list(queries)])[:32]}.json"
        if part.is_file():
            return [[Hit(self._corpus.get(name), score) for name, score in hits] for hits in read_json(part)]
        found = self._retriever.search(queries, k)
        write_json(part, [[(hit.passage.id, float(hit.score)) for hit in hits] for hits in found])
        return found
