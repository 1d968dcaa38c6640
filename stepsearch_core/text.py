"""Text helpers shared by readers, rewards and metrics: normalisation, word lists and passage identity."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_REFERENCE = re.compile(r"#(\d+)")


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, then no ASCII punctuation, no articles, single blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def squeeze(text: str) -> str:
    """NFC-normalised text with every run of white space made one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def passage_id(title: str, text: str) -> str:
    """A stable id: the first 16 hex digits of SHA-256 over the squeezed title and text."""
    return hashlib.sha256(f"{squeeze(title)}\n{squeeze(text)}".encode()).hexdigest()[:16]


def resolve_references(sub_question: str, answers: list[str]) -> str:
    """Replace MuSiQue's `#1`, `#2` by the answers of earlier hops.

    Raises:
        ValueError: a reference points at no earlier hop.
    """

    def answer_of(match: re.Match[str]) -> str:
        number = int(match.group(1))
        if not 1 <= number <= len(answers):
            raise ValueError(f"#{number} refers to no earlier step (there are {len(answers)})")
        return answers[number - 1]

    return _REFERENCE.sub(answer_of, sub_question)
