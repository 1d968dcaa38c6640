"""The examination: policies answer benchmarks, free-running, and every answered question gets its record.

Each policy is asked the questions of all benchmarks in one queue: whichever slot is free takes the next.
Answers are greedy or, with `evaluate.samples`, sampled as training samples; then a question's measures are
means. Of several ranks each answers and scores its share, and the first has the records of the whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import read_object
from stepsearch_core.base.ranks import is_main
from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.evaluation.answers import Answers
from stepsearch_core.evaluation.asked import (
    Asked,
    asked_of,
    in_parts,
    read_asked,
    samples_of,
    streams_of,
)
from stepsearch_core.evaluation.ceilings import ask_in_order, gold_keys, gold_questions
from stepsearch_core.evaluation.fingerprint import fingerprint
from stepsearch_core.evaluation.policies import folder_of, source_of
from stepsearch_core.evaluation.progress import Progress
from stepsearch_core.evaluation.provenance import provenance
from stepsearch_core.evaluation.strata import stratify
from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.learning.distributed import downloading, own_items
from stepsearch_core.metrics.answers import hotpotqa_f1, word_f1
from stepsearch_core.metrics.measures import Rules, warnings
from stepsearch_core.params import CEILINGS, Params, asked_with
from stepsearch_core.policy.models import check_context, load_policy, load_tokenizer
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.recording import record
from stepsearch_core.rollout.records import QuestionRecord
from stepsearch_core.rollout.sources import Ended
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.phrasings import PHRASINGS

GOLD_KEYS_AT_ONCE = 500
"""Questions for which the ceiling looks for keys before it asks with them; a kill loses that search."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A policy, ready to be asked.

    `ask` lets it answer this rank's share of questions, which is the same for `shared_by` ranks in a row,
    and calls `Ended` with each trajectory that ends on the first of them.
    """

    ask: Callable[[Sequence[Asked], Ended], object]
    shared_by: int = 1


BenchmarkRecords = dict[str, list[QuestionRecord]]
"""Benchmark -> a record for each question answered."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination of several policies gave.

    `metrics` is `evaluation.summary`'s and `strata` is `evaluation.strata`'s; `evaluated` has the policies'
    hashes, what else the results depend on, and what they are of (`evaluation.provenance`); `seconds` is
    what each policy's answers took.
    """

    records: dict[str, BenchmarkRecords]
    metrics: dict[str, Any]
    strata: dict[str, Any]
    evaluated: dict[str, Any]
    seconds: dict[str, float]


def examine(data: Path, params: Params, kept: Path | None = None) -> Examined | None:
    """Let all policies of `evaluate.policies` answer; log which measures are beyond their limits.

    Args:
        data: has the folders `fetch`, `corpus`, `index`, `warmstart` and `train`, and for `gold_keys` the
            folder `synthesize`.
        params: sections `evaluate`, `environment`, `retrieval`, `rollout` and `model`, and the seed.
        kept: folder of answers so far, which are not asked for again, and to which others are added.

    Returns:
        What came out, on the first rank; None on the others, which have answered their shares.

    Raises:
        DataError: a damaged or missing folder, or a context longer than a model's.
        EngineError: the sampling engine cannot be opened.
        RetrievalError: a service that is to be searched does not answer.
    """
    folders: dict[str, Path] = {}
    for name in params.evaluate.policies:
        with downloading(source_of(name, params) if name in params.evaluate.others else None):
            folders[name] = folder_of(name, data, params)
    records: dict[str, BenchmarkRecords] = {}
    seen, of_what = fingerprint(data, params), provenance(data, params)
    asked = {name: asked_with(params, name) for name in folders if name in params.evaluate.others}
    others = {
        name: {
            "changes": list(params.evaluate.others[name].changes),
            "fingerprint": fingerprint(data, own),
        }
        for name, own in asked.items()
    }
    for remark in of_what["remarks"] * is_main():
        logging.getLogger("evaluate").warning(f"{remark['name']}: {remark['text']}")
    examination = Examination(data, params, list(folders))
    for name, folder in folders.items():
        if name in CEILINGS:
            answering = partial(examination.ceiling, name, folder, data / "synthesize" / PHRASINGS)
        else:
            answering = partial(examination.policy, folder, asked.get(name, params))
        records[name] = examination.records(name, answering, kept)
    if not is_main():
        return None
    metrics = summarize(records, params.evaluate, params.seed)
    for line in warnings(metrics, records, params.evaluate.benchmarks):
        logging.getLogger("evaluate").warning(line)
    hashes = {policy: sha256_folder(folder) for policy, folder in folders.items()}
    evaluated = {"policies": hashes, "fingerprint": seen, "others": others, "provenance": of_what}
    strata = stratify(records, params.evaluate, params.seed)
    return Examined(records, metrics, strata, evaluated, examination.seconds)


class Examination:
    """What every policy is measured with, opened once: corpus, retriever, questions, sampling engine."""

    def __init__(self, data: Path, params: Params, policies: Sequence[str]) -> None:
        """Open what `examine` names, but for the policies, whose names say how much there is to do."""
        self.params = params
        self.index = data / "index"
        self.corpus = Corpus.open(data / "corpus")
        self.retriever = self._retriever(params)
        self.similarity = TfidfSimilarity.open(
            data / "index" / "tfidf", self.corpus, params.retrieval.segmenter
        )
        answer_f1 = hotpotqa_f1 if params.evaluate.f1 == "hotpotqa" else word_f1
        self.rules = Rules(self.similarity.segment, answer_f1)
        self.asked = read_asked(data, params.evaluate)
        self._progress = Progress(
            sum(len(asked_of(name, self.asked)) * samples_of(name, params.evaluate) for name in policies)
        )
        self.seconds = dict.fromkeys(policies, 0.0)
        self._engine: Engine | None = None  # of the policies that are asked as the run's
        self._awake: Engine | None = None

    def policy(self, folder: Path, params: Params) -> Opened:
        """Open the policy in `folder`. The first opens the engine, which takes the others' weights.

        Args:
            folder: has model and tokenizer.
            params: what it is asked with; where they are not the run's own, it gets an engine of its own, as
                its tokenizer and its limits are others.

        Raises:
            DataError: no model, or one for shorter contexts, or an index is missing.
        """
        shares = params is self.params
        model, tokenizer = load_policy(folder)
        check_context(model.config, params.environment.max_trajectory_tokens)
        in_flight = replace(params.rollout, batch_size=params.evaluate.batch_size)
        if in_flight.engine == "transformers":  # vLLM has the weights itself, and needs the room
            model.to(own_device())  # type: ignore[arg-type]
        if self._awake is not None:
            self._awake.sleep()  # beside the next one's there may be no room for its weights and cache
        engine = self._engine if shares else None
        if engine is not None:
            engine.update(model)
        else:
            engine = open_engine(model, tokenizer, folder, params.model, params.environment, in_flight)
        self._engine, self._awake = engine if shares else self._engine, engine
        renderer = Renderer(tokenizer, params.environment)
        retriever = self.retriever if params.retrieval == self.params.retrieval else self._retriever(params)
        rollout = Rollout(engine, retriever, renderer, in_flight)

        def ask(mine: Sequence[Asked], ended: Ended) -> None:
            samples = range(self.params.evaluate.samples or 1)
            episodes = [Episode(one.question, sample, renderer) for one in mine for sample in samples]
            rollout.play(episodes, streams_of(mine, self.params.evaluate, self.params.seed), ended)

        return Opened(ask, engine.shared_by)

    def ceiling(self, name: str, folder: Path, phrasings: Path) -> Opened:
        """Open one of `CEILINGS`, with the tokenizer in `folder`.

        Raises:
            DataError: the file of mined words is missing or damaged.
        """
        renderer = Renderer(load_tokenizer(folder), self.params.environment)
        mined = read_object(phrasings) if name == "gold_keys" else {}

        def ask(mine: Sequence[Asked], ended: Ended) -> None:
            for asked in in_parts(mine, GOLD_KEYS_AT_ONCE):
                if name == "gold_keys":
                    queries = gold_keys(asked, mined, self.corpus, self.retriever, renderer)
                else:
                    queries = gold_questions(asked)
                ask_in_order(asked, queries, self.retriever, renderer, self.params.rollout, ended=ended)

        return Opened(ask)

    def records(
        self, name: str, opening: Callable[[], Opened], kept: Path | None = None
    ) -> BenchmarkRecords:
        """The records of all benchmarks' questions, in their order, on the first rank; called by every rank.

        Args:
            name: the policy's.
            opening: opens the policy; called if there is a question left.
            kept: see `examine`.

        Raises:
            DataError: what was kept is damaged; or as `opening`.
        """
        asked = asked_of(name, self.asked)
        samples = samples_of(name, self.params.evaluate)
        answers = Answers(None if kept is None else kept / name, samples, self.record)
        left = [one for one in asked if one.key not in answers.kept]
        self._progress.spare((len(asked) - len(left)) * samples)
        if left:
            opened = opening()
            mine = left[own_items(opened.shared_by)]
            answers.begin()
            with self._progress.playing(name, len(left) * samples, len(mine) * samples) as count:

                def ended(episode: Episode) -> None:
                    answers.add(episode)
                    count()

                opened.ask(mine, ended)
        made, self.seconds[name] = answers.together()
        records: BenchmarkRecords = {benchmark: [] for benchmark in self.params.evaluate.benchmarks}
        for one in asked if is_main() else ():
            records[one.question.dataset].append(made[one.key])
        return records

    def record(self, played: Trajectory, question: Question) -> QuestionRecord:
        """What there is to say of a trajectory on a question."""
        breakdown = score(played, question, self.similarity)
        return record(played, question, breakdown, self.corpus.get, self.rules)

    def _retriever(self, params: Params) -> Retriever:
        with downloading(params.retrieval.encoder):
            return open_retriever(params.retrieval, self.index, self.corpus)
