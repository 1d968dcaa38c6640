"""The words of passages and queries that BM25 counts: those of the segmenter, less a list of stop words."""

from __future__ import annotations

from bm25s.tokenization import Tokenizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import Segmenter, open_segmenter
from stepsearch_core.params import RetrievalParams


def indexed_words(params: RetrievalParams) -> Segmenter:
    """What finds them in a text, in order.

    Raises:
        DataError: no such list of stop words, or the segmenter is not installed.
    """
    segment, stopwords = open_segmenter(params.segmenter), stop_words(params)
    return lambda text: [word for word in segment(text) if word not in stopwords]


def stop_words(params: RetrievalParams) -> frozenset[str]:
    """The words of the list that `params` names; what stands in a list as "don't" is two words here.

    Raises:
        DataError: no such list, or the segmenter is not installed.
    """
    try:
        listed = Tokenizer(stopwords=params.stopwords).stopwords
    except ValueError as error:
        raise DataError(str(error), "params", field="retrieval.stopwords") from None
    segment = open_segmenter(params.segmenter)
    return frozenset(word for entry in listed for word in segment(entry))


def no_word() -> DataError:
    """The error of a corpus in which there is no word to find."""
    return DataError(
        "no passage of the corpus holds a word that is not a stop word", "params", field="retrieval"
    )
