"""Exact match, cover match and word F1 of an answer against all accepted ones (paper, eq. 2, section 3.1).

Normalisation is SQuAD's on the normal form in which all texts are compared (`text.normalize_answer`), and
words are those by which passages are found; for ASCII both are SQuAD's exactly. Scores are not rounded,
where the released code rounds F1 to four digits. Two texts that both normalise to nothing match exactly (EM
1) but share no word: eq. 2 is 0/0 there and F1 is set to 0, as the released code and HotpotQA's script have
it, so that an empty answer never earns a reward.

"yes they are both Danish" against "yes" is 1/3 by eq. 2; the scripts of HotpotQA and 2WikiMultiHopQA set it
to 0, as they do wherever one side is yes, no or noanswer and the other is not the same. The paper's reward
and tables, the released code and MuSiQue's script have no such rule. So reward and evaluation follow eq. 2
by default, which compares with the paper's tables; `evaluate.f1: hotpotqa` evaluates by the scripts' rule,
whatever the benchmark, and leaves training and its curves as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from stepsearch_core.base.text import Segmenter, normalize_answer, words

_CLOSED = frozenset(("yes", "no", "noanswer"))
"""Normalised answers that HotpotQA's script takes as a whole or not at all."""


def exact_match(prediction: str | None, answers: Iterable[str]) -> float:
    """1.0 if the normalised prediction equals an accepted answer, else 0.0; no prediction (None) is 0.0."""
    if prediction is None:
        return 0.0
    return float(any(normalize_answer(prediction) == normalize_answer(answer) for answer in answers))


def cover_match(prediction: str | None, answers: Sequence[str], segment: Segmenter = words) -> float:
    """1.0 if the prediction is, or holds in whole words, an accepted answer, else 0.0 (cover-EM)."""
    if prediction is None:
        return 0.0
    held = any(mentions(prediction, answer, segment) for answer in answers)
    return float(held or exact_match(prediction, answers))


@lru_cache(maxsize=65_536)  # the same passages are shown for the same questions, step after step
def mentions(text: str, answer: str, segment: Segmenter = words) -> bool:
    """Whether the words of an answer stand in a text, in a row; no text has those of a blank one."""
    inner = _in_words(answer, segment)
    return bool(inner.strip()) and inner in _in_words(text, segment)


@lru_cache(maxsize=65_536)
def _in_words(text: str, segment: Segmenter) -> str:
    return f" {' '.join(segment(normalize_answer(text)))} "


def word_f1(prediction: str | None, answers: Iterable[str], segment: Segmenter = words) -> float:
    """Best word F1 over the accepted answers, in [0, 1]; no prediction (None) or no answers is 0.0."""
    if prediction is None:
        return 0.0
    return max((overlap_f1(prediction, answer, segment) for answer in answers), default=0.0)


def hotpotqa_f1(prediction: str | None, answers: Iterable[str], segment: Segmenter = words) -> float:
    """As `word_f1`, by HotpotQA's script: 0 where one side is yes, no or noanswer and the other is not."""
    return word_f1(prediction, [answer for answer in answers if _comparable(prediction, answer)], segment)


def overlap_f1(left: str, right: str, segment: Segmenter = words) -> float:
    """Word F1 of two texts (eq. 2): 2 IN / (PN + RN) over multisets of normalised words; 0 if disjoint.

    Args:
        left: one text.
        right: the other; the value is the same with sides exchanged.
        segment: cuts what `normalize_answer` leaves, a text without blanks say, into words.
    """
    lefts = _multiset(left, segment)
    rights = _multiset(right, segment)
    common = len(lefts & rights)
    return 2 * common / (len(lefts) + len(rights)) if common else 0.0


def _comparable(prediction: str | None, answer: str) -> bool:
    sides = {normalize_answer(prediction or ""), normalize_answer(answer)}
    return len(sides) == 1 or not sides & _CLOSED


@lru_cache(maxsize=65_536)  # search keys are compared with every query of every trajectory
def _multiset(text: str, segment: Segmenter) -> frozenset[str]:
    """The multiset of normalised words as a set, in which a word that comes again is "word 2" and so on."""
    found = segment(normalize_answer(text))
    if len(distinct := frozenset(found)) == len(found):
        return distinct
    counts = Counter(found)
    return frozenset(
        word if n == 1 else f"{word} {n}" for word, last in counts.items() for n in range(1, last + 1)
    )
