"""The released scoring written a second time, from its description: by scanning for tags and with plain
loops.

scikit-learn fits a new TF-IDF for every retrieved passage, on it and the gold texts, as the release does.
"""

import string
from collections import Counter
from typing import NamedTuple

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

PUNCTUATION = set(string.punctuation)


class Released(NamedTuple):
    """The last token's reward, and (position of the first `</search>`, gain, penalty) of each round."""

    final: float
    key: float
    rounds: list[tuple[int, float, float]]


def score(text: str, answers: list[str], golds: list[str], groups: list[list[str]]) -> Released:
    """Score a response."""
    pairs = between(text, "<answer>", "</answer>")
    if not pairs or text[pairs[-1][1] + len("</answer>") :].strip():
        return Released(-1.0, 0.0, [])
    key = key_score([query(text[a:b]) for a, b in between(text, "<search>", "</search>")], groups)
    final = f1(text[pairs[-1][0] : pairs[-1][1]], answers) + 0.618 * key
    return Released(
        final, key, step_scores(rounds(text), [normalized(gold) for gold in golds]) if golds else []
    )


def between(text: str, opening: str, closing: str) -> list[tuple[int, int]]:
    """Spans of what stands between a tag and the next closing one, from left to right without overlap."""
    spans, at = [], 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        spans.append((start + len(opening), end))
        at = end + len(closing)
    return spans


def rounds(text: str) -> list[tuple[int, list[str]]]:
    """From an opening `<search>`, the first `</search>` that information follows, and all up to
    `</information>`.
    """
    found, at = [], 0
    while (opening := text.find("<search>", at)) >= 0:
        first = closing = text.find("</search>", opening + 8)
        while closing >= 0 and not text[closing + 9 :].lstrip().startswith("<information>"):
            closing = text.find("</search>", closing + 9)
        if closing < 0:
            break
        body = text.index("<information>", closing) + len("<information>")
        end = text.find("</information>", body)
        if end < 0:
            break
        pieces = text[body:end].split("##>")
        found.append((first, [piece.partition("<##")[0].strip() for piece in pieces[1:]]))
        at = end + len("</information>")
    return found


def query(text: str) -> str:
    return text.replace("<search>", "").replace("</search>", "")


def step_scores(matches: list[tuple[int, list[str]]], golds: list[str]) -> list[tuple[int, float, float]]:
    """Every round against all texts and cosines of the rounds before, looked up anew."""
    cosines = [[similarities(document, golds) for document in documents] for _, documents in matches]
    result = []
    for t, (position, documents) in enumerate(matches):
        gain = 0.0
        for i in range(len(golds)):
            before = max([0.0] + [row[i] for earlier in cosines[:t] for row in earlier])
            gain += max(max([0.0] + [row[i] for row in cosines[t]]) - before, 0.0) / len(golds)
        past = [document for _, earlier in matches[:t] for document in earlier]
        repeats = sum(document in past + documents[:j] for j, document in enumerate(documents))
        result.append((position, gain, repeats / max(len(documents), 1)))
    return result


def similarities(document: str, golds: list[str]) -> list[float]:
    if not normalized(document):
        return [0.0] * len(golds)
    vectors = TfidfVectorizer().fit_transform([normalized(document), *golds])
    return [float(value) for value in cosine_similarity(vectors[0], vectors[1:])[0]]


def key_score(queries: list[str], groups: list[list[str]]) -> float:
    """The group that a query fits best takes its score, the last query's in the end."""
    taken: dict[int, float] = {}
    for text in queries:
        best, where = 0.0, None
        for number, group in enumerate(groups):
            if (value := f1(text, group)) > best:
                best, where = value, number
        if where is not None:
            taken[where] = best
    return sum(taken.values()) / len(groups) if groups else 0.0


def f1(text: str, references: list[str]) -> float:
    """By precision and recall, to four digits."""
    words = normalized(text).split()
    best = 0.0
    for other in (normalized(reference).split() for reference in references):
        same = sum(min(count, other.count(word)) for word, count in Counter(words).items())
        if same:
            precision, recall = same / len(words), same / len(other)
            best = max(best, 2 * precision * recall / (precision + recall))
    return round(best, 4)


def normalized(text: str) -> str:
    """Lower case, no punctuation, no articles as whole words, single blanks."""
    kept = "".join(sign for sign in text.lower() if sign not in PUNCTUATION)
    return " ".join(word for word in kept.split() if word not in ("a", "an", "the"))
