"""How long the rewards of a trajectory take, against the released algorithm on the same trajectories.

The workload is made of published text: MuSiQue questions, each searched for four times with three passages a
search (the support of a hop and two passages drawn from the corpus; after the last hop the first support
comes again), over term statistics of the whole corpus. The other side is
`tests/oracles/released_rewards.py`, which fits a TF-IDF for every retrieved passage; it gets its text
ready-made.

Ours is in its steady state: the term statistics are open and the golden keys have been compared with before,
as in training from the second epoch on. `reward_speedup` is for statistics just mapped, so that every
passage's row is read for the first time, and for queries never seen; `reward_speedup_warm` for trajectories
that were scored before. No passage's vector is kept in either; kept are the word counts of up to 65,536
keys, answers and queries.
"""

from __future__ import annotations

import operator
import random
import statistics
from dataclasses import replace
from importlib import import_module
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory

from perf.measure import in_turn, median_of_pairs, report, seconds
from perf.real_data import CORPUS, TRAIN, real_data
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.types import Action, ActionKind, Question, Trajectory, Turn
from stepsearch_core.benchmarks.examples import Example
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.environment.actions import THINK
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.released import render
from stepsearch_core.synthesis.search_keys import candidate_keys
from stepsearch_core.synthesis.sub_questions import parse_hops

SEARCHES, PASSAGES = 4, 3
TRAJECTORIES, REPEATS = 100, 7
QUICK_TRAJECTORIES, QUICK_REPEATS = 25, 3
PASSES = 10
"""Ours scores the trajectories so often for each time the other does: once takes milliseconds."""


def main(quick: bool) -> None:
    """Build the trajectories, score them by both sides in turn, and print the ratios of their times.

    Raises:
        SystemExit: `STEPSEARCH_REAL_DATA` names no folder.
    """
    folder = real_data(CORPUS, TRAIN)
    trajectories, repeats = (QUICK_TRAJECTORIES, QUICK_REPEATS) if quick else (TRAJECTORIES, REPEATS)
    examples = list(read_benchmark("musique", folder / TRAIN, "train"))[:trajectories]
    with TemporaryDirectory() as work:
        passages = chain(read_corpus_file(folder / CORPUS), *(example.context for example in examples))
        build_corpus(passages, Path(work, "corpus"))
        corpus = Corpus.open(Path(work, "corpus"))
        TfidfSimilarity.build(corpus, Path(work, "tfidf"))
        _measure(examples, corpus, Path(work, "tfidf"), repeats)


def _measure(examples: list[Example], corpus: Corpus, statistics_folder: Path, repeats: int) -> None:
    questions = {example.question.id: _with_keys(example.question) for example in examples}
    trajectories = [
        _search(example.question, corpus, draws(0, Name.MEASUREMENT, number))
        for number, example in enumerate(examples)
    ]
    released = import_module("tests.oracles.released_rewards").score
    shown = [
        _as_released(trajectory, questions[trajectory.question_id], corpus) for trajectory in trajectories
    ]
    open_scorer = Scorer(TfidfSimilarity.open(statistics_folder, corpus), questions)
    passes = count()

    def new() -> float:
        return statistics.fmean(new_pass() for _ in range(PASSES))

    def new_pass() -> float:
        scorer = Scorer(TfidfSimilarity.open(statistics_folder, corpus), questions)
        asked = [_with_new_queries(trajectory, next(passes)) for trajectory in trajectories]
        return seconds(lambda: [scorer(trajectory) for trajectory in asked])

    def again() -> float:
        return (
            seconds(lambda: [open_scorer(trajectory) for _ in range(PASSES) for trajectory in trajectories])
            / PASSES
        )

    def reference() -> float:
        return seconds(lambda: [released(*arguments) for arguments in shown])

    new(), again()  # golden keys and answers become known
    times = in_turn({"released": reference, "ours": new, "ours_warm": again}, repeats)
    figures = {
        "reward_speedup": median_of_pairs(operator.truediv, times["released"], times["ours"]),
        "reward_speedup_warm": median_of_pairs(operator.truediv, times["released"], times["ours_warm"]),
    }
    both_sides = {
        f"{side}_microseconds": [1e6 * value / len(trajectories) for value in values]
        for side, values in times.items()
    }
    words = [
        len(corpus.get(pid).text.split())
        for t in trajectories
        for turn in t.turns
        for pid in turn.passage_ids
    ]
    about = {
        "searches": SEARCHES,
        "passages_per_search": PASSAGES,
        "words_per_passage": statistics.mean(words),
    }
    report("rewards", figures, both_sides, repeats, shown, trajectories=len(trajectories), **about)


def _with_keys(question: Question) -> Question:
    """The question with search keys that need no corpus: its sub-questions, their keywords and entities."""
    keys = [tuple(key.text for key in candidate_keys(asked, (), ())) for _, asked in parse_hops(question)]
    hops = zip(question.hops, keys, strict=True)
    return replace(question, hops=tuple(replace(hop, search_keys=each) for hop, each in hops))


def _search(question: Question, corpus: Corpus, draw: random.Random) -> Trajectory:
    """Four searches, the sub-questions and then the question, and the right answer."""
    asked = [parsed.text for _, parsed in parse_hops(question)][:SEARCHES]
    asked += [question.question] * (SEARCHES - len(asked))
    supports = [hop.support_ids[0] for hop in question.hops]
    turns = []
    for number, query in enumerate(asked):
        found = [supports[number] if number < len(supports) else supports[0]]
        found += [corpus[draw.randrange(len(corpus))].id for _ in range(PASSAGES - 1)]
        turns.append(
            Turn(Action(ActionKind.SEARCH, query, True), THINK.search_turn("", query), tuple(found))
        )
    answer = question.answers[0]
    turns.append(Turn(Action(ActionKind.ANSWER, answer, True), THINK.answer_turn("", answer)))
    return Trajectory(question.id, 0, [], turns)


def _with_new_queries(trajectory: Trajectory, number: int) -> Trajectory:
    """The same trajectory with a word in each query that no query held before."""
    turns = [
        replace(turn, action=replace(turn.action, text=f"{turn.action.text} {number}"))
        if turn.action.kind is ActionKind.SEARCH
        else turn
        for turn in trajectory.turns
    ]
    return replace(trajectory, turns=turns)


def _as_released(
    trajectory: Trajectory, question: Question, corpus: Corpus
) -> tuple[str, list[str], list[str], list[list[str]]]:
    """What the released scoring reads: the text, answers, gold texts and golden keys."""
    golds = [corpus.get(passage_id).text for passage_id in question.support_ids]
    keys = [list(hop.search_keys) for hop in question.hops]
    return render(trajectory, corpus.get)[0], list(question.answers), golds, keys
