"""A control: the trained policy against one with at least as much wall time of supervised training.

The warm start goes on with supervised training on its own data, with a new cosine schedule, for `SURPLUS`
times as many epochs as should fit into the wall time that the stage `train` took; then both policies answer
all benchmarks and are compared by question.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from perf.measure import report
from stepsearch_core.base.io import read_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.bootstrap import differences, stratified_mean_interval
from stepsearch_core.evaluation.examination import FOLDERS, Examination
from stepsearch_core.learning.sft import fine_tune, replay
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import load_policy, save_policy
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.trajectories import load_trajectories
from tasks.stage import DATA, TIMINGS

SURPLUS = 1.5
"""An epoch's time varies with what else the machine does; the control must not get less than its due."""


def main(quick: bool) -> None:
    """Train the control, evaluate both and compare; `quick` changes nothing."""
    params = load_params()
    corpus = Corpus.open(DATA / "corpus")
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

    examination = Examination(DATA, params)
    trained = _f1(examination, "trained", DATA / FOLDERS["trained"])
    with TemporaryDirectory() as folder:
        save_policy(policy, tokenizer, Path(folder, "policy"))
        control = _f1(examination, "control", Path(folder, "policy"))
    compared = {
        "trained_f1": [list(scores.values()) for scores in trained],
        "control_f1": [list(scores.values()) for scores in control],
        "gain_f1": [differences(after, before) for after, before in zip(trained, control, strict=True)],
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


def _f1(examination: Examination, name: str, folder: Path) -> list[dict[str, float | None]]:
    """For each benchmark the F1 of every question, by its id, of the policy in `folder`."""
    records = examination.records(examination.policy(name, folder))
    return [{record.id: record.measures["f1"] for record in made} for made in records.values()]
