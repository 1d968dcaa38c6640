"""Search a corpus of your own: by words (BM25), by vectors (FAISS), and by both.

    python examples/search_a_corpus.py                                # six passages that come along
    python examples/search_a_corpus.py passages.jsonl "who is Ada?"   # JSON lines of id, title and text

Indexes are built in a temporary folder; in one that stays, `open_retriever` finds them again in a second.
Vectors are the offline encoder's (TF-IDF, projected at random); with another `encoder` in `RetrievalParams`,
those of a sentence encoder.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.params import METHODS, RetrievalParams
from stepsearch_core.retrieval.index import build_index, open_retriever

TEXTS = {
    "Ada": "Ada was born in Oslo and wrote about machines.",
    "Oslo": "Oslo lies in Norway, at the end of a fjord.",
    "Norway": "Norway borders on Sweden and Finland.",
    "Chess": "Chess is played on sixty-four squares.",
    "Rome": "Rome lies in Italy, on the Tiber.",
    "Machines": "Machines compute what people tell them.",
}
PASSAGES = [Passage(passage_id(title, text), title, text) for title, text in TEXTS.items()]


def main(passages: Iterable[Passage], query: str, k: int = 3) -> dict[str, list[str]]:
    """Build the indexes, print the best `k` passages by each method; returns their titles."""
    params, found = RetrievalParams(), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_corpus(passages, folder / "corpus")
        corpus = Corpus.open(folder / "corpus")
        methods = [method for method, indexes in METHODS.items() if indexes]
        build_index(corpus, params, folder / "index", measured=methods)
        for method in methods:
            retriever = open_retriever(replace(params, method=method), folder / "index", corpus)
            [hits] = retriever.search([query], k)
            for hit in hits:
                print(f"{method:6}  {hit.score:6.3f}  {hit.passage.title}: {hit.passage.text[:60]}")
            found[method] = [hit.passage.title for hit in hits]
    return found


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main(PASSAGES, "where was Ada born?")
        case [path, query]:
            main(read_corpus_file(path), query)
        case _:
            sys.exit(__doc__)
