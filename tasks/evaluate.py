"""Stage `evaluate`: policies on benchmarks, free-running, with intervals and paired gains.

Answers are greedy or, with `evaluate.samples`, sampled as training samples; then a question's metrics are
means.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.fingerprint import fingerprint
from stepsearch_core.evaluation.oracle import ask_gold_sub_questions
from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.metrics.answers import hotpotqa_f1, word_f1
from stepsearch_core.metrics.measures import Rules, warnings
from stepsearch_core.params import BENCHMARKS, Params
from stepsearch_core.policy.models import check_context, load_policy, load_tokenizer
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.records import one_a_question, record
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.opening import open_engine
from tasks.stage import DATA, TIMINGS, run

FOLDERS = {
    "warmstart": DATA / "warmstart" / "policy",
    "trained": DATA / "train" / "policy",
    "oracle": DATA / "warmstart" / "policy",  # for its tokenizer
}

Answer = Callable[[str, Sequence[Question]], list[Trajectory]]
"""Trajectories of a benchmark's questions, those of one question side by side."""


def main(params: Params) -> None:
    """Evaluate; writes `data/evaluate/{metrics.json,evaluated.json,records/POLICY/BENCHMARK.jsonl}`."""
    out = DATA / "evaluate"
    folders = {policy: FOLDERS[policy] for policy in params.evaluate.policies}
    timings: dict[str, float] = {}
    records: dict[str, dict[str, list[dict[str, Any]]]] = {}
    examination = Examination(params)
    for name, folder in folders.items():
        started = time.perf_counter()
        examined = examination.oracle if name == "oracle" else examination.policy
        records[name] = examination.records(examined(name, folder, params), out / "records" / name)
        timings[name] = time.perf_counter() - started
    metrics = summarize(records, params.evaluate, params.seed)
    for line in warnings(metrics, records, params.evaluate.benchmarks):
        logging.getLogger("evaluate").warning(line)
    write_json(out / "metrics.json", metrics)
    hashes = {policy: sha256_folder(folder) for policy, folder in folders.items()}
    write_json(out / "evaluated.json", {"policies": hashes, "fingerprint": fingerprint(DATA, params)})
    write_json(TIMINGS / "evaluate.json", timings)


class Examination:
    """What every policy is measured with, opened once: corpus, retriever, questions, and the engine that
    samples.
    """

    def __init__(self, params: Params) -> None:
        self.corpus = Corpus.open(DATA / "corpus")
        self.retriever = open_retriever(params.retrieval, DATA / "index", self.corpus)
        self.similarity = TfidfSimilarity.open(
            DATA / "index" / "tfidf", self.corpus, params.retrieval.segmenter
        )
        answer_f1 = hotpotqa_f1 if params.evaluate.f1 == "hotpotqa" else word_f1
        self.rules = Rules(self.similarity.segment, answer_f1)
        self.questions = {
            benchmark: read_questions(DATA / "fetch", benchmark, "test")[: params.evaluate.questions]
            for benchmark in params.evaluate.benchmarks
        }
        self._engine: Engine | None = None

    def policy(self, name: str, folder: Path, params: Params) -> Answer:
        """What the policy in `folder` answers. The first one opens the engine, which takes the others'
        weights.
        """
        model, tokenizer = load_policy(folder)
        check_context(model.config, params.environment.max_trajectory_tokens)
        torch.nn.Module.to(model, own_device())
        in_flight = replace(params.rollout, batch_size=params.evaluate.batch_size)
        if self._engine is None:
            self._engine = open_engine(model, tokenizer, folder, params.model, params.environment, in_flight)
        else:
            self._engine.update(model)
        rollout = Rollout(self._engine, self.retriever, Renderer(tokenizer, params.environment), in_flight)

        def answer(benchmark: str, questions: Sequence[Question]) -> list[Trajectory]:
            label, samples = f"{name} on {benchmark}", params.evaluate.samples
            if samples is None:
                return rollout.greedy(questions, label)
            stream_of = partial(stream, params.seed, Name.EVALUATION, BENCHMARKS.index(benchmark))
            return rollout.sample(questions, samples, stream_of, progress=label)

        return answer

    def oracle(self, name: str, folder: Path, params: Params) -> Answer:
        """What the oracle answers, with the tokenizer in `folder`: questions that have gold
        sub-questions.
        """
        renderer = Renderer(load_tokenizer(folder), params.environment)

        def answer(benchmark: str, questions: Sequence[Question]) -> list[Trajectory]:
            asked = [question for question in questions if question.has_decomposition]
            label = f"{name} on {benchmark}"
            return ask_gold_sub_questions(asked, self.retriever, renderer, params.rollout, label)

        return answer

    def records(self, answer: Answer, out: Path) -> dict[str, list[dict[str, Any]]]:
        """A record for each question answered, by benchmark, written to `out/BENCHMARK.jsonl` too."""
        records = {}
        for benchmark, questions in self.questions.items():
            asked = {question.id: question for question in questions}
            score = Scorer(self.similarity, asked)
            made = answer(benchmark, questions)
            rows = [
                record(played, asked[played.question_id], score(played), self.corpus.get, self.rules)
                for played in made
            ]
            records[benchmark] = one_a_question(rows)
            write_jsonl(out / f"{benchmark}.jsonl", records[benchmark])
        return records


if __name__ == "__main__":
    run("evaluate", main)
