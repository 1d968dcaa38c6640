"""Stage `train`: step-wise PPO from the warm start, or the baseline that `train.algorithm` names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.base.types import Trajectory
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.questions import those_that_fit
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.distributed import is_main, world_size
from stepsearch_core.metrics.answers import word_f1
from stepsearch_core.params import Params
from stepsearch_core.policy.models import check_context, load_policy
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.presets import scorer_and_weights
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.records import record
from stepsearch_core.runtime.work_folder import ROOT
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.training.loop import train
from stepsearch_core.training.run_folder import RunFolder
from stepsearch_core.training.tracker import TIMING, untimed
from stepsearch_core.training.trainer import Trainer
from tasks.launch import launch
from tasks.made_by import listed, made_by
from tasks.stage import DATA, TIMINGS, run
from tasks.tracking import Trackers, check_installed


def main(params: Params) -> None:
    """Train; writes `data/train/{policy,critic,metrics.jsonl,trajectories.jsonl}` and the trackers'."""
    check_installed(params.watch.trackers)
    seed_torch(params.seed, Name.INITIAL_LEARNER)
    out = DATA / "train"
    corpus = Corpus.open(DATA / "corpus")
    start = DATA / "warmstart" / "policy"
    policy, tokenizer = load_policy(start)
    check_context(policy.config, params.environment.max_trajectory_tokens)
    renderer = Renderer(tokenizer, params.environment)
    questions = those_that_fit(load_questions(DATA / "synthesize" / "train.jsonl"), renderer)
    validation = those_that_fit(load_questions(DATA / "synthesize" / "validation.jsonl"), renderer)
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    engine = open_engine(policy, tokenizer, start, params.model, params.environment, params.rollout)
    rollout = Rollout(engine, retriever, renderer, params.rollout)
    by_id = {question.id: question for question in questions}
    similarity = TfidfSimilarity.open(DATA / "index" / "tfidf", corpus, params.retrieval.segmenter)
    scorer, weights = scorer_and_weights(params.reward, similarity, by_id, corpus.get)
    f1 = partial(word_f1, words=scorer.words)
    trainer = Trainer(
        policy,
        rollout,
        questions,
        scorer,
        params.train,
        weights,
        params.rollout.temperature,
        tokenizer.pad_token_id,
        params.seed,
    )

    def keep(step: int, trajectories: Sequence[Trajectory]) -> list[dict[str, Any]]:
        if step != 1 and step % params.train.validate_every:
            return []
        return [
            {"step": step, **record(t, by_id[t.question_id], scorer(t), corpus.get, f1)}
            for t in trajectories[: params.train.logged_trajectories]
        ]

    with run_folder(params) as folder:
        name = f"{params.train.algorithm}-seed{params.seed}"
        tracker = (
            Trackers(params.watch.trackers, out, name, listed("train", params)[0]) if is_main() else None
        )
        history, samples = train(trainer, folder, validation, params.watch.guard, tracker, keep)
        trainer.learner.export(tokenizer, out)
        if tracker is None:
            return  # the first rank writes what follows
        tracker.close()
        write_jsonl(out / "metrics.jsonl", map(untimed, history))
        write_jsonl(out / "trajectories.jsonl", samples)
        phases = ("rollout", "experience", "update")
        seconds = {name: sum(row.get(f"{TIMING}{name}", 0.0) for row in history) for name in phases}
        write_json(TIMINGS / "train.json", seconds)
        folder.clear()  # the outputs are DVC's now; a stage that runs again trains again


def run_folder(params: Params) -> RunFolder:
    """The checkpoints of this run; of so many ranks, whether `train.processes` or a launcher outside started
    them.
    """
    parameters, inputs = made_by("train", params)
    return RunFolder(ROOT, parameters | {"ranks": world_size()}, inputs)


if __name__ == "__main__":
    run("train", lambda params: launch("train", main, params, params.train.processes))
