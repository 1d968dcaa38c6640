"""Sampling a real model: our loop with the better engine against the usual lock-step loop.

On the active profile's warm start, its index and its training questions (`stepsearch profile smollm`, then
`dvc repro warmstart`). 32 trajectories at once, greedy, observations of up to 400 tokens. The lock-step loop
(`perf.lockstep`) stops `generate` by stop strings, decodes, and prefills every turn's whole context anew. In
bfloat16 what is sampled depends on the batch, so the two write different trajectories: each side's own
sampled tokens count.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from perf.lockstep import generated, play
from perf.measure import Measured, engines, in_turn, median_of_pairs, seconds
from stepsearch_core.base.types import Trajectory
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.policy.structure import read_config
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.questions import load_questions
from tasks.stage import DATA

POLICY = DATA / "warmstart" / "policy"
IN_FLIGHT = 32
OBSERVATION_TOKENS = 400


def see_warm_start(model_folder: Path) -> None:
    """Look for the active profile's warm start of the model in `model_folder`.

    Raises:
        SystemExit: there is none, or it is of another model.
    """
    shape = operator.itemgetter("model_type", "hidden_size", "num_hidden_layers")
    if not POLICY.is_dir() or shape(read_config(POLICY)) != shape(read_config(model_folder)):
        sys.exit(f"real_model: {POLICY} is no warm start of {model_folder}: run it with the profile smollm")


def measure(model_folder: Path, repeats: int, quick: bool) -> Measured:
    """Time the lock-step loop and ours, with each engine that is installed, in turn.

    Args:
        model_folder: the active profile's warm start, which is sampled from, has to be of its kind.
        repeats: of each.
        quick: a quarter of the trajectories.
    """
    see_warm_start(model_folder)
    params = load_params()
    environment = replace(params.environment, max_observation_tokens=OBSERVATION_TOKENS)
    retriever = open_retriever(params.retrieval, DATA / "index", Corpus.open(DATA / "corpus"))
    model, tokenizer = load_policy(POLICY)
    renderer = Renderer(tokenizer, environment)
    questions = load_questions(DATA / "synthesize" / "train.jsonl")[: IN_FLIGHT // 4 if quick else IN_FLIGHT]

    def rate(make: Callable[[], Sequence[Trajectory]]) -> Callable[[], float]:
        made: list[Trajectory] = []

        def side() -> float:
            took = seconds(lambda: made.extend(make()))
            sampled = sum(sum(trajectory.policy_mask) for trajectory in made)
            made.clear()
            return sampled / took

        return side

    def ours(name: str) -> Callable[[], float]:
        settings = replace(params.rollout, engine=name, batch_size=IN_FLIGHT)
        engine = open_engine(model, tokenizer, POLICY, params.model, environment, settings)
        rollout = Rollout(engine, retriever, renderer, settings)
        return rate(lambda: rollout.greedy(questions))

    def lockstep() -> Sequence[Trajectory]:
        return play(
            retriever, renderer, questions, IN_FLIGHT, generated(model, tokenizer, stop_strings=True)
        )

    values = in_turn(
        {f"rollout_{name}": ours(name) for name in engines()} | {"rollout_lockstep": rate(lockstep)}, repeats
    )
    ratios = [
        median_of_pairs(operator.truediv, values[f"rollout_{name}"], values["rollout_lockstep"])
        for name in engines()
    ]
    return Measured(
        {"real_rollout_speedup": max(ratios)},
        values,
        {"rollout": [[question.question for question in questions], IN_FLIGHT, OBSERVATION_TOKENS]},
    )
