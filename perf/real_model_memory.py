"""Peak memory of a training step of the profile smollm on this machine, against what its plan says.

A process of its own opens what training opens, samples a batch of contexts that are as long as they may be,
then scores and learns two full micro-batches of trajectories in which as much is written as may be: what the
plan's "at most" is about. Its peak is the resident set's, with all that is imported; index and corpus are
left out on both sides.
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from perf.measure import Measured, report
from perf.smollm import PROFILE, smollm
from perf.workload import experience, trajectories, update_settings
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Trajectory
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.params import Params
from stepsearch_core.planning.plan import make_plan
from stepsearch_core.policy.models import load_policy
from stepsearch_core.profiles import load_profile
from stepsearch_core.sampling.engine import TurnRequest
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update


def main(quick: bool) -> None:
    """Measure, and print predicted over measured."""
    repeats = 1 if quick else 3
    measured = measure(smollm(), repeats, quick)
    report("real_model_memory", measured.figures, measured.both_sides, repeats, measured.workload)


def measure(folder: Path, repeats: int, quick: bool) -> Measured:
    """The plan's bytes over the most that one of `repeats` processes takes; `quick` changes nothing else."""
    params = smollm_params(folder)
    predicted = make_plan(params).training_peak
    peaks = [_peak_of_a_step(folder) for _ in range(repeats)]
    return Measured(
        {"plan_memory_ratio": predicted / max(peaks)},
        {"predicted_peak_bytes": predicted, "measured_peak_bytes": peaks},
        {"memory": [step_lengths(params), params.rollout.batch_size, params.train.micro_batch_tokens]},
    )


def smollm_params(folder: Path) -> Params:
    """The profile smollm, with the model from a folder."""
    return load_profile(PROFILE, [f"model.source={folder}"])


def step(params: Params) -> None:
    """What training holds and makes: sample, score, learn."""
    policy, tokenizer = load_policy(params.model.source or "", params.model.dtype)
    learner = Learner(policy, params.train, ALGORITHMS[params.train.algorithm].critic)
    _sample(TransformersEngine(policy, tokenizer), params)
    made = trajectories(step_lengths(params), policy.config.vocab_size)
    _score(learner, made, params)
    update(learner, experience(made), replace(params.train, minibatches=1), **update_settings())


def step_lengths(params: Params) -> list[list[int]]:
    """Segment lengths of the trajectories of two full micro-batches, as few as the limit allows."""
    environment, tokens = params.environment, params.train.micro_batch_tokens
    rows = math.ceil(tokens / environment.max_trajectory_tokens)
    length = tokens // rows
    written = min(length - 1, (environment.max_searches + 1) * environment.max_turn_tokens)
    return [[written - length, written]] * (2 * rows)


def _sample(engine: TransformersEngine, params: Params) -> None:
    """Fill one context after the other while those before it are decoded."""
    length, turn = params.environment.max_trajectory_tokens, params.environment.max_turn_tokens
    slots, vocabulary = params.rollout.batch_size, engine.model.config.vocab_size
    session = engine.session(slots, length)
    for slot in range(slots):
        draw = stream(0, Name.MEASUREMENT, slot)
        session.open(slot, draw)
        session.submit(slot, TurnRequest(draw.integers(5, vocabulary, size=length - turn).tolist(), turn))
        session.advance()


@torch.no_grad()
def _score(learner: Learner, made: list[Trajectory], params: Params) -> None:
    for group in micro_batches(made, params.train.micro_batch_tokens):
        batch = token_batch([made[index] for index in group], 0)
        if learner.has_reference:
            learner.reference_log_probs(batch, 1.0)
        learner.outputs(batch, 1.0, with_entropy=False)


def _peak_of_a_step(folder: Path) -> int:
    code = "import sys; from perf.real_model_memory import print_peak; print_peak(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    ran = subprocess.run(command, cwd=PROFILE.parents[1], env=os.environ, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit("real_model_memory: the step failed")
    return int(ran.stdout.splitlines()[-1])


def print_peak(folder: str) -> None:
    """Make a step and print the bytes that this process held at most."""
    step(smollm_params(Path(folder)))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(kilobytes * 1024)
