"""What limit of overlap tells a gold paragraph that was cut anew from the other paragraphs of its title.

The workload is published text: the gold paragraphs of MuSiQue's questions, and all paragraphs of a corpus
that have the titles of these. On one side a gold paragraph is to be found: its title's paragraphs stand in a
row between two of other titles and are cut into chunks of 100 words, beginning anywhere in the first. On the
other side it is missing: there are its title's other paragraphs, whole and cut, and what comes up to the
limit is mistaken for it, unless it is the same paragraph in the words of another year. Whether it holds the
hop's answer tells these two apart, roughly.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perf.measure import report
from perf.real_data import CORPUS, DEV, real_data
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.text import normalize, words
from stepsearch_core.base.types import Passage
from stepsearch_core.benchmarks.gold_matching import overlap, title_key
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import read_corpus_file

LIMITS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.8)
CHUNK_WORDS = 100
QUICK_PARAGRAPHS = 200
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def main(quick: bool) -> None:
    """Match both sides, and print the shares that each limit finds and mistakes.

    Raises:
        SystemExit: `STEPSEARCH_REAL_DATA` names no folder.
    """
    folder = real_data(CORPUS, DEV)
    passages = list(read_corpus_file(folder / CORPUS))
    gold, answers = _gold(folder / DEV)
    gold = gold[:QUICK_PARAGRAPHS] if quick else gold
    of_title: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        of_title[title_key(passage.title)].append(passage)
    there, with_most, missing, with_answer = [], [], [], []
    for number, paragraph in enumerate(gold):
        draw = draws(0, Name.MEASUREMENT, number)
        siblings = of_title[title_key(paragraph.title)]
        chunks, held = _cut(siblings, paragraph, passages, draw)
        best, found = _best(paragraph, chunks)
        there.append(found)
        with_most.append(held[best] == max(held))
        others = [passage for passage in siblings if passage.id != paragraph.id]
        if others:
            texts = [passage.text for passage in others] + _cut(others, others[0], passages, draw)[0]
            best, found = _best(paragraph, texts)
            missing.append(found)
            text = normalize(texts[best])
            with_answer.append(any(normalize(answer) in text for answer in answers[paragraph.id]))
    report(
        "gold_overlap",
        {
            **{f"found at {limit}": float(np.mean(np.array(there) >= limit)) for limit in LIMITS},
            **{f"taken at {limit}": float(np.mean(np.array(missing) >= limit)) for limit in LIMITS},
            **{f"mistaken at {limit}": _mistaken(missing, with_answer, limit) for limit in LIMITS},
            "the chunk with most of it": float(np.mean(with_most)),
        },
        {"overlap_there": float(np.median(there)), "overlap_missing": float(np.median(missing))},
        1,
        [[paragraph.id for paragraph in gold], folder / CORPUS],
        there=len(there),
        missing=len(missing),
        quantiles=QUANTILES,
        quantiles_there=_quantiles(there),
        quantiles_missing=_quantiles(missing),
    )


def _gold(path: Path) -> tuple[list[Passage], dict[str, set[str]]]:
    """The distinct gold paragraphs of a file of questions, and the answers that stand in each."""
    gold: dict[str, Passage] = {}
    answers: dict[str, set[str]] = defaultdict(set)
    for example in read_benchmark("musique", path, "dev"):
        gold |= {passage.id: passage for passage in example.gold}
        for hop in example.question.hops:
            answers[hop.support_ids[0]].add(hop.sub_answer)
    return list(gold.values()), answers


def _cut(
    paragraphs: Sequence[Passage], of: Passage, fillers: Sequence[Passage], draw: random.Random
) -> tuple[list[str], list[int]]:
    """Chunks of paragraphs in a row between two others, and how many words of one of them each has."""
    row = [draw.choice(fillers), *paragraphs, draw.choice(fillers)]
    placed = [(word, passage.id) for passage in row for word in passage.text.split()]
    placed = placed[draw.randrange(len(row[0].text.split())) :]
    pieces = [placed[start : start + CHUNK_WORDS] for start in range(0, len(placed), CHUNK_WORDS)]
    texts = [" ".join(word for word, _ in piece) for piece in pieces]
    return texts, [sum(owner == of.id for _, owner in piece) for piece in pieces]


def _best(paragraph: Passage, texts: Sequence[str]) -> tuple[int, float]:
    """Which text has most words in common, the first of equal ones, and the largest overlap."""
    counted = Counter(words(paragraph.text))
    others = [Counter(words(text)) for text in texts]
    best = int(np.argmax([(counted & other).total() for other in others]))
    return best, max(overlap(counted, other) for other in others)


def _mistaken(overlaps: Sequence[float], with_answer: Sequence[bool], limit: float) -> float:
    """Share of what is taken at a limit and does not hold the answer."""
    taken = (found >= limit and not holds for found, holds in zip(overlaps, with_answer, strict=True))
    return float(np.mean(list(taken)))


def _quantiles(values: Sequence[float]) -> list[float]:
    return [round(float(value), 3) for value in np.quantile(values, QUANTILES)]
