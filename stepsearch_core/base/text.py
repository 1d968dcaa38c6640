"""What a text is compared by: its normal form, its words, and the identity of a passage.

One normal form and one rule of what a word is serve index and query, the reward's similarity, and EM and F1.

* Normal form: canonical composition (NFC) and full case folding, wide and narrow forms made ordinary,
  invisible characters (soft hyphens, joiners, byte-order marks) left out. For ASCII that is lower case.
* A word is what the default rules of UAX #29 keep together, cut at every punctuation mark: a run of letters,
  digits and the marks on them; where a script has no blanks (Han, kana, Thai), or for a symbol, a single
  sign with its marks. One sign is a word like any other, in every script. `retrieval.segmenter` names a
  library that knows the words of such a script; it cuts the runs of that script and nothing else.
* Punctuation is Unicode's (category P: danda, ideographic full stop, curly quotes, dashes) and, as for
  SQuAD, the signs of ASCII that Unicode calls symbols. MLQA's script extends SQuAD's in the same way.
"""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import regex

from stepsearch_core.base.errors import DataError

Segmenter = Callable[[str], list[str]]
"""Gives the words of a text, normalised, in order."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_SYMBOLS = regex.escape("".join(sign for sign in string.punctuation if unicodedata.category(sign)[0] == "S"))
_LETTER = r"\p{WB=ALetter}\p{WB=Hebrew_Letter}\p{WB=Numeric}"
_WORD = regex.compile(
    rf"[{_LETTER}][{_LETTER}\p{{WB=Extend}}]*"
    r"|\p{WB=Katakana}[\p{WB=Katakana}\p{WB=Extend}]*"
    rf"|[^\s\p{{Z}}\p{{P}}\p{{M}}\p{{Cc}}\p{{Cf}}\p{{Cs}}{_SYMBOLS}]\p{{WB=Extend}}*"
)
_PUNCTUATION = regex.compile(rf"[\p{{P}}{_SYMBOLS}]+")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
# U+200B parts words, as a blank does
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--\u200b]+")
_WIDE_OR_NARROW = regex.compile(r"[\uff01-\uffee]+")
_ARTICLES = frozenset(("a", "an", "the"))
_REFERENCE = re.compile(r"#([1-9][0-9]?)(?![0-9])")
_DETERMINER = re.compile(r"(\b(a|an|the|his|her|its|their|our|my|number)|['’]s)\s+$", re.IGNORECASE)

SENTENCE_END = re.compile(r"[.!?…。！？।؟][\"'”’»)\]」』]*$")
"""Matches where a text that ends here may end with a sentence; an abbreviation's dot is taken for one."""

_RUNS = {"jieba": r"\p{Han}+", "pythainlp": r"\p{Thai}+"}
SEGMENTERS = ("unicode", *_RUNS)


def normalize(text: str) -> str:
    """The normal form: the same for texts that differ in case, composition, width or invisible signs."""
    if text.isascii():
        return text.lower()
    visible = _INVISIBLE.sub(
        "", _WIDE_OR_NARROW.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    )
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", visible).casefold())


def words(text: str) -> list[str]:
    """The words of a text by the rules of Unicode alone."""
    return _split(normalize(text))


@cache
def open_segmenter(segmenter: str) -> Segmenter:
    """What finds the words with one of `SEGMENTERS`; the same function at every call.

    Raises:
        DataError: the segmenter's library is not installed.
    """
    if segmenter == "unicode":
        return words
    cut = _library(segmenter)
    run = regex.compile(f"({_RUNS[segmenter]})")

    def segmented(text: str) -> list[str]:
        parts = run.split(normalize(text))  # every other part is a run
        return [word for i, part in enumerate(parts) for word in (cut(part) if i % 2 else _split(part))]

    return segmented


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation over the normal form: no punctuation, no English articles, single blanks."""
    text = normalize(text)
    text = text.translate(_ASCII_PUNCTUATION) if text.isascii() else _PUNCTUATION.sub("", text)
    return " ".join(word for word in text.split() if word not in _ARTICLES)


def holds(text: str, phrase: str) -> bool:
    """Whether a text has the words of a phrase, in their order; no text has those of a blank one."""
    inner = " ".join(words(phrase))
    return bool(inner) and f" {inner} " in f" {' '.join(words(text))} "


def squeeze(text: str) -> str:
    """NFC-normalised text with every run of white space made one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def passage_id(title: str, text: str) -> str:
    """A stable id: the first 16 hex digits of SHA-256 over the squeezed title and text."""
    return hashlib.sha256(f"{squeeze(title)}\n{squeeze(text)}".encode()).hexdigest()[:16]


def resolve_references(sub_question: str, answers: Sequence[str]) -> str:
    """Replace MuSiQue's `#1`, `#2` by the answers of earlier hops; a `#9` without such a hop is text."""

    def answer_of(match: re.Match[str]) -> str:
        return answers[int(match[1]) - 1] if _points(match, answers) else match[0]

    return _REFERENCE.sub(answer_of, sub_question)


def count_references(sub_question: str, answers: Sequence[str]) -> tuple[int, int]:
    """How many `#N` of a sub-question are text, and how many are replaced though they may be meant as text.

    The latter are part of a longer word, or begin a longer entity of `ENTITY >> relation` (`#1 Hits >>
    performer`), or stand between a determiner and another word (`the #1 hit of`). MuSiQue's own references
    stand there too, but seldom: 4% of them in 651 published questions.
    """
    matches = list(_REFERENCE.finditer(sub_question))
    pointing = [match for match in matches if _points(match, answers)]
    return len(matches) - len(pointing), sum(map(_may_be_text, pointing))


def _points(match: re.Match[str], answers: Sequence[str]) -> bool:
    return int(match[1]) <= len(answers)


def _may_be_text(match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()], match.string[match.end() :]
    if before[-1:].isalnum() or after[:1].isalnum():
        return True
    if ">>" in after:
        return not before.strip() and bool(after[: after.rindex(">>")].strip(" >"))
    return bool(_DETERMINER.search(before)) and after.lstrip()[:1].isalnum()


def _split(text: str) -> list[str]:
    """The words of a normalised text."""
    return _ASCII_WORD.findall(text) if text.isascii() else _WORD.findall(text)


def _library(segmenter: str) -> Callable[[str], list[str]]:
    """The library's function that cuts a run of its script into words."""
    try:
        if segmenter == "jieba":
            import rjieba

            return rjieba.cut
        from pythainlp.tokenize import word_tokenize

        return word_tokenize
    except ImportError as error:
        problem = (
            f"{error}: pip install 'stepsearch[segmenters]', or in a checkout pip install -e '.[segmenters]'"
        )
        raise DataError(problem, "params", field="retrieval.segmenter") from None
