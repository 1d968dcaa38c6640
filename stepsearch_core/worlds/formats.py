"""The generated questions written as MuSiQue-Ans, HotpotQA, 2WikiMultiHopQA and Bamboogle publish theirs.

Each row brings the paragraphs of its facts and lexically near ones: passages that share a title or a part of
a name with them. HotpotQA and 2WikiMultiHopQA point at supports by title, so that no title occurs twice in
one of their rows.
"""

from __future__ import annotations

import csv
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stepsearch_core.base.io import atomic_write
from stepsearch_core.base.types import Passage
from stepsearch_core.worlds.facts import World, shuffled
from stepsearch_core.worlds.questions import WorldQuestion

MUSIQUE_PARAGRAPHS = 12  # MuSiQue-Ans has 20
CONTEXT_PARAGRAPHS = 10

_WORD = re.compile(r"\w+")


def lower_words(text: str) -> list[str]:
    """Lower-case words."""
    return _WORD.findall(text.lower())


class Neighbours:
    """Passages by the words of their titles, to draw lexically near distractors from."""

    def __init__(self, world: World) -> None:
        self._passages = world.passages
        self._by_word: dict[str, list[Passage]] = defaultdict(list)
        for passage in self._passages:
            for word in dict.fromkeys(lower_words(passage.title)):
                self._by_word[word].append(passage)

    def draw(
        self, supports: Sequence[Passage], count: int, random_: random.Random, unique_titles: bool = False
    ) -> list[Passage]:
        """`count` passages (fewer in a smaller world), titles that share words with the supports' first."""
        taken = {passage.id for passage in supports}
        titles = {passage.title for passage in supports} if unique_titles else set()
        drawn: list[Passage] = []
        for passage in self._candidates(supports, count, random_):
            if len(drawn) >= count:
                break
            if passage.id not in taken and passage.title not in titles:
                drawn.append(passage)
                taken.add(passage.id)
                titles |= {passage.title} if unique_titles else set()
        return drawn

    def _candidates(
        self, supports: Sequence[Passage], count: int, random_: random.Random
    ) -> Iterable[Passage]:
        title_words = sorted({word for passage in supports for word in lower_words(passage.title)} - {"and"})
        for word in shuffled(title_words * count, random_):
            yield random_.choice(self._by_word[word])
        yield from shuffled(self._passages, random_)


def vocabulary_passages(world: World) -> list[Passage]:
    """Passages that together hold every word of the corpus: each holds one that those before it lack."""
    seen: set[str] = set()
    found = []
    for passage in world.passages:
        new = set(lower_words(passage.contents)) - seen
        if new:
            found.append(passage)
            seen |= new
    return found


def musique_rows(
    questions: Sequence[WorldQuestion],
    neighbours: Neighbours,
    random_: random.Random,
    extra: Sequence[Passage] = (),
) -> Iterable[dict[str, Any]]:
    """MuSiQue-Ans rows; the `extra` passages are spread over the rows' distractors."""
    for number, question in enumerate(questions):
        supports = [fact.passage for fact in question.facts]
        dealt = [passage for passage in extra[number :: len(questions)] if passage not in supports]
        near = neighbours.draw([*supports, *dealt], MUSIQUE_PARAGRAPHS - len(supports) - len(dealt), random_)
        paragraphs = shuffled([*supports, *dealt, *near], random_)
        yield {
            "id": f"{question.structure.prefix}__" + "_".join(str(fact.id) for fact in question.facts),
            "paragraphs": [
                {"idx": i, "title": p.title, "paragraph_text": p.text, "is_supporting": p in supports}
                for i, p in enumerate(paragraphs)
            ],
            "question": question.text,
            "question_decomposition": [
                {
                    "id": fact.id,
                    "question": sub_question,
                    "answer": fact.mention,
                    "paragraph_support_idx": paragraphs.index(fact.passage),
                }
                for fact, sub_question in zip(question.facts, question.sub_questions, strict=True)
            ],
            "answer": question.answer,
            "answer_aliases": question.answer_aliases,
            "answerable": True,
        }


def hotpotqa_rows(
    questions: Iterable[WorldQuestion], neighbours: Neighbours, random_: random.Random
) -> Iterable[dict[str, Any]]:
    """HotpotQA rows of type bridge; as published, sentences after the first begin with a blank."""
    for question in questions:
        yield {
            "_id": question_id("hotpotqa", question),
            "level": "medium",
            "type": "bridge",
            **_shared_fields(question, neighbours, random_, before_sentence=" "),
        }


def wiki_rows(
    questions: Iterable[WorldQuestion], neighbours: Neighbours, random_: random.Random
) -> Iterable[dict[str, Any]]:
    """2WikiMultiHopQA rows of type compositional, with the facts as evidence triples."""
    for question in questions:
        yield {
            "_id": question_id("2wikimultihopqa", question),
            "type": "compositional",
            **_shared_fields(question, neighbours, random_, before_sentence=""),
            "evidences": [[fact.passage.title, fact.relation.name, fact.mention] for fact in question.facts],
        }


def write_bamboogle(path: Path, questions: Iterable[WorldQuestion]) -> None:
    """Write the two columns of Bamboogle's CSV."""
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Question", "Answer"))
        writer.writerows((question.text, question.answer) for question in questions)


def decomposition_rows(benchmark: str, questions: Sequence[WorldQuestion]) -> Iterable[dict[str, Any]]:
    """The hops that the benchmark's own format has no room for; Bamboogle's ids number its rows from 0."""
    for number, question in enumerate(questions):
        yield {
            "dataset": benchmark,
            "id": f"bamboogle_{number}" if benchmark == "bamboogle" else question_id(benchmark, question),
            "steps": [
                {
                    "question": sub_question,
                    "answer": fact.mention,
                    "title": fact.passage.title,
                    "text": fact.passage.text,
                }
                for fact, sub_question in zip(question.facts, question.resolved_sub_questions, strict=True)
            ],
        }


def question_id(benchmark: str, question: WorldQuestion) -> str:
    """A hexadecimal id as long as the benchmark's own: 24 digits for HotpotQA, 32 for 2WikiMultiHopQA."""
    digits = {"hotpotqa": 24, "2wikimultihopqa": 32}[benchmark]
    return hashlib.sha256(f"{benchmark}\n{question.text}".encode()).hexdigest()[:digits]


def _shared_fields(
    question: WorldQuestion, neighbours: Neighbours, random_: random.Random, before_sentence: str
) -> dict[str, Any]:
    supports = [fact.passage for fact in question.facts]
    near = neighbours.draw(supports, CONTEXT_PARAGRAPHS - len(supports), random_, unique_titles=True)
    paragraphs = shuffled([*supports, *near], random_)
    return {
        "question": question.text,
        "answer": question.answer,
        "context": [[passage.title, _sentences(passage.text, before_sentence)] for passage in paragraphs],
        "supporting_facts": [[passage.title, 0] for passage in supports],
    }


def _sentences(text: str, before_sentence: str) -> list[str]:
    """The sentences, all but the first with `before_sentence` in front."""
    first, *rest = re.findall(r"[^. ][^.]*\.", text)
    return [first, *(before_sentence + sentence for sentence in rest)]
