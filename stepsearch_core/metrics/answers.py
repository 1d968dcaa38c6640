"""Exact match and word F1 of an answer against every accepted answer (paper, eq. 2 and section 3.1).

Normalisation is SQuAD's on the normal form in which all texts are compared (`text.normalize_answer`), and words are
those by which passages are found; for ASCII both are SQuAD's exactly. Scores are not rounded, where the released code
rounds F1 to four digits. Two texts that both normalise to nothing match exactly (EM 1) but share no word: eq. 2 is 0/0
there and F1 is set to 0, as the released code and HotpotQA's script have it, so that an empty answer never earns a
reward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from stepsearch_core.text import Words, normalize_answer, words


def exact_match(prediction: str | None, answers: Iterable[str]) -> float:
    """1.0 if the normalised prediction equals an accepted answer, else 0.0; no prediction (None) is 0.0."""
    if prediction is None:
        return 0.0
    return float(any(normalize_answer(prediction) == normalize_answer(answer) for answer in answers))


def word_f1(prediction: str | None, answers: Iterable[str], words: Words = words) -> float:
    """Best word F1 over the accepted answers, in [0, 1]; no prediction (None) or no answers is 0.0."""
    if prediction is None:
        return 0.0
    return max((overlap_f1(prediction, answer, words) for answer in answers), default=0.0)


def overlap_f1(text: str, other: str, words: Words = words) -> float:
    """Word F1 of two texts (eq. 2): 2 IN / (PN + RN) over multisets of normalised words; 0 if they share none.

    Args:
        text: one side.
        other: the other; the value is the same with sides exchanged.
        words: cuts what `normalize_answer` leaves, a text without blanks say, into words.
    """
    ours, theirs = _multiset(text, words), _multiset(other, words)
    common = len(ours & theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


@lru_cache(maxsize=65_536)  # search keys are compared with every query of every trajectory
def _multiset(text: str, words: Words) -> frozenset[str]:
    """The multiset of normalised words as a set, in which a word that comes again is "word 2" and so on."""
    found = words(normalize_answer(text))
    if len(distinct := frozenset(found)) == len(found):
        return distinct
    counts = Counter(found)
    return frozenset(word if n == 1 else f"{word} {n}" for word, last in counts.items() for n in range(1, last + 1))
