"""BM25 by `tantivy`, whose index grows on disk: memory of a build does not depend on the number of passages.

The writer keeps `WRITER_BYTES` of terms in memory, writes them as a segment of its own and merges segments
beside the work. It gets our words (`retrieval.indexed_words`) with blanks between and splits at these; a
query is made of words as well and never parsed, so that no sign in it means anything.

What differs from `BM25Index`, whose formula it is:

* k1 and b are fixed (`params.TANTIVY_CONSTANTS`);
* a passage's length is kept in one byte, as in Lucene: exact to 40 words, above it less by up to a ninth;
* a word of more than 65,530 bytes is in no passage;
* two builds of one corpus rank alike, but segments have random names and are merged when there is time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import Segmenter
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import TANTIVY_CONSTANTS, RetrievalParams
from stepsearch_core.retrieval.indexed_words import indexed_words, no_word
from stepsearch_core.retrieval.retriever import Ranking, top_k

if TYPE_CHECKING:
    import tantivy

WRITER_BYTES = 64_000_000
"""Memory for terms that are not yet on disk: those of some 100,000 passages of Wikipedia."""


class TantivyIndex:
    """Ranks passages by BM25; those that share no word with the query are not found."""

    def __init__(self, index: tantivy.Index, words: Segmenter) -> None:
        """Take the index, and what finds the words of a query that count."""
        index.config_reader("manual")  # nobody writes any more
        self._schema, self.searcher = index.schema, index.searcher()
        self._words = words

    @classmethod
    def build(cls, corpus: Corpus, params: RetrievalParams, folder: Path) -> TantivyIndex:
        """Index `corpus` passage by passage in `folder`.

        Raises:
            DataError: tantivy or the segmenter is not installed, k1 or b is not tantivy's, no such list of
                stop words, or no word in the corpus.
        """
        library, words = open_tantivy(), indexed_words(params)
        if (params.bm25_k1, params.bm25_b) != TANTIVY_CONSTANTS:
            problem = "tantivy has k1 = {} and b = {}, and no others".format(*TANTIVY_CONSTANTS)
            raise DataError(problem, "params", field="retrieval.bm25_engine")
        schema = library.SchemaBuilder()
        schema.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
        schema.add_integer_field("position", fast=True)
        _write(corpus, words, library.Index(schema.build(), str(folder), reuse=False))
        return cls.open(folder, params)

    @classmethod
    def open(cls, folder: Path, params: RetrievalParams) -> TantivyIndex:
        """Memory-map an index that `build` wrote.

        It is opened through links: tantivy locks a file beside it, where others may not be let to write (and
        a thread of its own may do so once more while the links are removed).

        Raises:
            DataError: it is not there or damaged, tantivy or the segmenter is not installed, or no such list
                of stop words.
        """
        library, words = open_tantivy(), indexed_words(params)
        try:
            with TemporaryDirectory(prefix="stepsearch-tantivy-", ignore_cleanup_errors=True) as links:
                for file in folder.iterdir():
                    if file.suffix != ".lock":
                        Path(links, file.name).symlink_to(file.resolve())
                return cls(library.Index.open(links), words)
        except (OSError, ValueError) as error:
            raise DataError(f"no whole index: {error}", folder) from None

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`."""
        return [self._rank_words(self._words(query), k) for query in queries]

    def _rank_words(self, words: list[str], k: int) -> Ranking:
        query, passages = self._query(words), self.searcher.num_docs
        limit = min(k + 1, passages)
        while True:
            scores, positions = self._search(query, limit)
            # all that tie with the last place have to be there before positions can decide
            if len(scores) < limit or limit == passages or scores[-1] < scores[k - 1]:
                return top_k(scores, positions, k)
            limit = min(2 * limit, passages)

    def _query(self, words: list[str]) -> tantivy.Query:
        """Any of the words; one that stands there twice counts twice."""
        library = open_tantivy()
        query = library.Query
        terms = (
            query.boost_query(query.term_query(self._schema, "words", word, "freq"), count)
            for word, count in Counter(words).items()
        )
        return query.boolean_query([(library.Occur.Should, term) for term in terms])

    def _search(self, query: tantivy.Query, limit: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores, descending, and positions of the first `limit` hits."""
        hits = self.searcher.search(query, limit, count=False).hits
        addresses = [address for _, address in hits]
        positions = self.searcher.fast_field_values("position", addresses)
        scores = np.array([score for score, _ in hits]) / (TANTIVY_CONSTANTS[0] + 1)  # Lucene has no k1 + 1
        return scores, np.array(positions, dtype=np.int64)


def open_tantivy() -> Any:
    """The library.

    Raises:
        DataError: it is not installed.
    """
    try:
        import tantivy
    except ImportError as error:
        problem = f"{error}: pip install 'stepsearch[tantivy]', or in a checkout pip install -e '.[tantivy]'"
        raise DataError(problem, "params", field="retrieval.bm25_engine") from None
    return tantivy


def _write(corpus: Corpus, words: Segmenter, index: tantivy.Index) -> None:
    """Add every passage, also those without a word: they count in the number of passages."""
    document = open_tantivy().Document
    contents = tqdm(corpus.contents(), total=len(corpus), desc="BM25", unit=" passages")
    writer = index.writer(WRITER_BYTES, num_threads=1)
    empty = True
    try:
        for position, content in enumerate(contents):
            found = words(content)
            empty = empty and not found
            writer.add_document(document(words=" ".join(found), position=position))
        if empty:
            raise no_word()
        writer.commit()
    finally:
        writer.wait_merging_threads()
