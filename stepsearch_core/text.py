"""Text helpers shared by readers, rewards and metrics: normalisation, word lists and passage identity."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_REFERENCE = re.compile(r"#([1-9][0-9]?)(?![0-9])")
_DETERMINER = re.compile(r"(\b(a|an|the|his|her|its|their|our|my|number)|['’]s)\s+$", re.IGNORECASE)


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, then no ASCII punctuation, no articles, single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def squeeze(text: str) -> str:
    """NFC-normalised text with every run of white space made one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def passage_id(title: str, text: str) -> str:
    """A stable id: the first 16 hex digits of SHA-256 over the squeezed title and text."""
    return hashlib.sha256(f"{squeeze(title)}\n{squeeze(text)}".encode()).hexdigest()[:16]


def resolve_references(sub_question: str, answers: Sequence[str]) -> str:
    """Replace MuSiQue's `#1`, `#2` by the answers of earlier hops; a `#9` without such a hop is text, a title's say."""

    def answer_of(match: re.Match[str]) -> str:
        return answers[int(match[1]) - 1] if _points(match, answers) else match[0]

    return _REFERENCE.sub(answer_of, sub_question)


def count_references(sub_question: str, answers: Sequence[str]) -> tuple[int, int]:
    """How many `#N` of a sub-question are text, and how many are replaced though they may be meant as text.

    The latter are part of a longer word, or begin a longer entity of `ENTITY >> relation` (`#1 Hits >> performer`), or
    stand between a determiner and another word (`the #1 hit of`). MuSiQue's own references stand there too, but seldom:
    4% of them in 651 published questions.
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
