"""A control: the trained policy against one with as much wall time of supervised training.

The warm start goes on with supervised training on its own data, with a new cosine schedule, for `SURPLUS`
times as many batches as fit into the wall time that the stage `train` took, by a try of some; its
checkpoints are kept, so that a control that was killed goes on. Then it answers all benchmarks; its answers
are compared by question, as are those of warm start and trained policy, which stage `evaluate` wrote.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from transformers import PreTrainedModel

from perf.measure import report
from stepsearch_core.base.io import read_json, write_json
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.comparison import read_evaluation
from stepsearch_core.evaluation.examination import Examination
from stepsearch_core.evaluation.summary import Records, summarize
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.learning.sft import fine_tune, replay_all
from stepsearch_core.metrics.timing import TIMING, seconds
from stepsearch_core.params import Params, RewardParams, load_params
from stepsearch_core.policy.models import load_policy, save_policy
from stepsearch_core.rollout.records import QuestionRecord
from stepsearch_core.runtime.work_folder import ROOT
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.trajectories import load_trajectories
from tasks.stage import DATA, TIMINGS

SURPLUS = 1.1
"""A batch's time varies with what else the machine does; the control must not get less than its due."""
TRIED = 16
"""Batches, which are of all lengths; the first two, where memory is taken, do not count."""
MEASURES = ("f1", "support_recall", "searches", "redundancy", "step_rewards")


def main(quick: bool) -> None:
    """Train the control, evaluate it and compare; `quick` changes nothing."""
    params = load_params()
    train_seconds = sum(read_json(TIMINGS / "train.json").values())
    inputs = [DATA / "synthesize", DATA / "warmstart", TIMINGS / "train.json"]
    with RunFolder(ROOT, {"control": SURPLUS, "warmstart": asdict(params.warmstart)}, inputs) as work:
        control_seconds = _train(params, train_seconds, work)
        examination = Examination(DATA, params, ["control"])
        control = examination.records(
            "control", partial(examination.policy, work.path / "policy", params), work.path
        )
    written = DATA / "evaluate" / "records"
    evaluated = {policy: read_evaluation(written / policy) for policy in ("warmstart", "trained")}
    records: dict[str, Records] = {
        policy: {name: list(of_benchmark.values()) for name, of_benchmark in made.items()}
        for policy, made in evaluated.items()
    }
    records["control"] = control
    figures: dict[str, Any] = {}
    for other in ("warmstart", "control"):
        sides = {"warmstart": records[other], "trained": records["trained"]}
        told = summarize(_with_step_rewards(sides, params.reward), params.evaluate, params.seed, MEASURES)
        for measure in MEASURES:
            figures[f"{measure}_trained"] = told["trained"]["mean"][measure]
            figures[f"{measure}_{other}"] = told["warmstart"]["mean"][measure]
            figures[f"{measure}_over_{other}"] = told["gain"]["mean"][measure]
    both_sides = {"train_seconds": train_seconds, "control_seconds": control_seconds}
    files = [Path("params.yaml"), *sorted((DATA / "synthesize").glob("*.jsonl"))]
    report("continued_warmstart", figures, both_sides, 1, files)


def _with_step_rewards(sides: Mapping[str, Records], reward: RewardParams) -> dict[str, Records]:
    """The records with one measure more: all step rewards of a trajectory, as training weighs them."""

    def step_rewards(record: QuestionRecord) -> float | None:
        """None where there are no gold passages to gain."""
        searches = [turn for turn in record.turns if turn.query is not None]
        if any(turn.information_gain is None for turn in searches):
            return None
        gained = sum(turn.information_gain or 0.0 for turn in searches)
        repeated = sum(turn.redundancy or 0.0 for turn in searches)
        return reward.information_gain_weight * gained - reward.redundancy_weight * repeated

    return {
        side: {
            name: [
                replace(record, measures={**record.measures, "step_rewards": step_rewards(record)})
                for record in of_benchmark
            ]
            for name, of_benchmark in records.items()
        }
        for side, records in sides.items()
    }


def _train(params: Params, train_seconds: float, folder: RunFolder) -> float:
    """Go on with the warm start for as long, into `folder`'s `policy`; the seconds that it took."""
    corpus = Corpus.open(DATA / "corpus")
    policy, tokenizer = load_policy(DATA / "warmstart" / "policy")
    renderer = Renderer(tokenizer, params.environment)
    questions = load_questions(DATA / "synthesize" / "train.jsonl")
    asked = {question.id for question in questions}
    shown = load_trajectories(DATA / "synthesize" / "trajectories.jsonl", asked, corpus)
    trajectories = replay_all(shown, questions, corpus.get, renderer)

    def tune(policy: PreTrainedModel, batches: float, kept: RunFolder | None) -> list[dict[str, Any]]:
        epochs = batches * params.warmstart.batch_size / len(trajectories)
        settings = replace(params.warmstart, epochs=epochs)
        return fine_tune(policy, trajectories, settings, tokenizer.pad_token_id, params.seed + 1, kept)

    planned = folder.path / "batches.json"
    if not planned.is_file():
        tried = [row[f"{TIMING}batch"] for row in tune(copy.deepcopy(policy), TRIED, None)]
        write_json(planned, SURPLUS * train_seconds / mean(tried[2:]))
    history = tune(policy, read_json(planned), folder)
    save_policy(policy, tokenizer, folder.path / "policy")
    return seconds(history, "batch")
