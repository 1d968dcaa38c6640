"""A control: the trained policy against one that got at least the same wall time of supervised training
instead.

The warm start goes on with supervised training on its own data, with a new cosine schedule, for `SURPLUS`
times as many epochs as should fit into the wall time that the stage `train` took; then both policies answer
all benchmarks and are compared by question.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from perf.measure import report
from stepsearch_core.base.io import read_json
from stepsearch_core.base.text import open_segmenter
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.bootstrap import differences, stratified_mean_interval
from stepsearch_core.learning.sft import fine_tune, replay
from stepsearch_core.metrics.answers import word_f1
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.trajectories import load_trajectories
from tasks.stage import DATA, TIMINGS

SURPLUS = 1.5
"""An epoch's time varies with what else the machine does; the control must not get less than its due."""


def main(quick: bool) -> None:
    """Train the control, evaluate both and compare; `quick` changes nothing."""
    params = load_params()
    corpus = Corpus.open(DATA / "corpus")
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    policy, tokenizer = load_policy(DATA / "warmstart" / "policy")
    renderer = Renderer(tokenizer, params.environment)
    questions = {question.id: question for question in load_questions(DATA / "synthesize" / "train.jsonl")}
    shown = load_trajectories(DATA / "synthesize" / "trajectories.jsonl", questions, corpus)
    trajectories = [
        replay(trajectory.turns, questions[trajectory.question_id], corpus.get, renderer)
        for trajectory in shown
    ]
    train_seconds = sum(read_json(TIMINGS / "train.json").values())
    seconds_per_epoch = read_json(TIMINGS / "warmstart.json")["fine_tune"] / params.warmstart.epochs
    params.warmstart.epochs = SURPLUS * train_seconds / seconds_per_epoch
    started = time.perf_counter()
    fine_tune(
        policy,
        trajectories,
        params.warmstart,
        tokenizer.pad_token_id,
        params.seed + 1,
        lambda step, metrics: None,
    )
    control_seconds = time.perf_counter() - started

    segment = open_segmenter(params.retrieval.segmenter)
    in_flight = replace(params.rollout, batch_size=params.evaluate.batch_size)

    def scores(model: Any) -> list[dict[str, float | None]]:
        rollout = Rollout(TransformersEngine(model, tokenizer), retriever, renderer, in_flight)
        answered: list[dict[str, float | None]] = []
        for name in params.evaluate.benchmarks:
            asked = read_questions(DATA / "fetch", name, "test")[: params.evaluate.questions]
            made = rollout.greedy(asked, progress=name)
            answered.append(
                {q.id: word_f1(t.answer, q.answers, segment) for t, q in zip(made, asked, strict=True)}
            )
        return answered

    trained = scores(load_policy(DATA / "train" / "policy")[0])
    control = scores(policy)
    compared = {
        "trained_f1": [list(of.values()) for of in trained],
        "control_f1": [list(of.values()) for of in control],
        "gain_f1": [differences(one, other) for one, other in zip(trained, control, strict=True)],
    }
    figures = {
        name: asdict(
            stratified_mean_interval(
                values, params.evaluate.bootstrap_samples, params.evaluate.confidence, 0
            )
        )
        for name, values in compared.items()
    }
    both_sides = {"train_seconds": train_seconds, "control_seconds": control_seconds}
    files = [Path("params.yaml"), *sorted((DATA / "synthesize").glob("*.jsonl"))]
    report("continued_warmstart", figures, both_sides, 1, files)
