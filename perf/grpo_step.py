"""A GRPO step of TRL over one of ours: single turn, a tiny model, the same prompts, group size and lengths.

TRL runs in an environment of its own, whose Python `STEPSEARCH_PEERS_PYTHON` names: `python3.11 -m venv DIR
&& DIR/bin/pip install -e ".[cpu,peers]"`. Both sides sample with transformers, score with a frozen reference
(beta > 0) and make one optimizer step on all trajectories in fp32. Ours is the trainer of every other run,
with an environment of no searches, so that an episode ends with its first turn; its retriever is never
asked.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perf.measure import in_turn, median_of_pairs, report, seconds
from perf.workload import default_model, default_params
from stepsearch_core.base.types import Question
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import EnvironmentParams, Params, RolloutParams, TokenizerParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.retrieval.retriever import Hit
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.training.trainer import Trainer

SETTINGS = {
    "group": 8,
    "completion_tokens": 128,
    "learning_rate": 1e-5,
    "beta": 0.01,
    "temperature": 1.0,
}
PROMPTS = 8
WARM_STEPS = 2
"""The first steps choose kernels; they are not counted."""


class _Nothing:
    """A retriever that finds nothing."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [[] for _ in queries]


def main(quick: bool) -> None:
    """Time steps of both sides in turn; without TRL's environment say how to make it and skip."""
    python = os.environ.get("STEPSEARCH_PEERS_PYTHON")
    if not python:
        print(
            "skipped: STEPSEARCH_PEERS_PYTHON does not name the Python of an environment with TRL",
            file=sys.stderr,
        )
        sys.exit(f"grpo_step: {(__doc__ or '').split(chr(10) * 2)[1]}")
    repeats, steps = (2, 4) if quick else (5, 8)
    params = default_params()
    words = [f"w{number}" for number in range(2000)]
    tokenizer = train_tokenizer([" ".join(words)], TokenizerParams("word", 2048), THINK.tags)
    questions = [f"{' '.join(words[number * 12 : number * 12 + 12])}" for number in range(PROMPTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_policy(default_model(params), tokenizer, folder / "model")
        ours = _our_trainer(params, tokenizer, questions)
        prompts = [ours.rollout.renderer.style.prompt.format(question=question) for question in questions]
        counter = iter(range(1, 10**6))
        sides = {
            "trl_seconds": lambda: _trl_seconds(python, folder, prompts, steps + WARM_STEPS),
            "our_seconds": lambda: statistics.median(
                [seconds(lambda: ours.step(next(counter))) for _ in range(steps + WARM_STEPS)][WARM_STEPS:]
            ),
        }
        values = in_turn(sides, repeats)
    figures = {
        "trl_step_ratio": median_of_pairs(lambda a, b: a / b, values["trl_seconds"], values["our_seconds"])
    }
    report(
        "grpo_step", figures, values, repeats, [SETTINGS, prompts], prompts=PROMPTS, steps=steps, **SETTINGS
    )


def _our_trainer(params: Params, tokenizer: Any, texts: list[str]) -> Trainer:
    questions = [
        Question(f"q{number}", "none", "train", text, ("nothing",)) for number, text in enumerate(texts)
    ]
    completion = int(SETTINGS["completion_tokens"])
    environment = EnvironmentParams(
        max_searches=0,
        max_turn_tokens=completion,
        max_observation_tokens=1,
        max_trajectory_tokens=64 + completion,
    )
    train = replace(
        params.train,
        algorithm="grpo",
        questions_per_step=len(questions),
        samples_per_question=int(SETTINGS["group"]),
        minibatches=1,
        learning_rate=SETTINGS["learning_rate"],
        kl_coefficient=SETTINGS["beta"],
    )
    policy = default_model(params)
    engine = TransformersEngine(policy, tokenizer, SETTINGS["temperature"])
    rows = len(questions) * int(SETTINGS["group"])
    settings = RolloutParams(batch_size=rows, temperature=SETTINGS["temperature"])
    rollout = Rollout(engine, _Nothing(), Renderer(tokenizer, environment), settings)
    scorer = Scorer(TfidfSimilarity.fit([]), {question.id: question for question in questions})
    return Trainer(
        policy=policy,
        rollout=rollout,
        questions=questions,
        scorer=scorer,
        params=train,
        reward=params.reward,
        pad_token_id=tokenizer.pad_token_id,
        longest=environment.most_written,
        seed=0,
    )


def _trl_seconds(python: str, folder: Path, prompts: list[str], steps: int) -> float:
    """Median seconds of TRL's steps after the first ones."""
    for name, value in (("prompts", prompts), ("settings", SETTINGS | {"steps": steps})):
        (folder / f"{name}.json").write_text(json.dumps(value))
    script = Path(__file__).parent / "peers" / "trl_grpo.py"
    command = [
        python,
        str(script),
        str(folder / "model"),
        str(folder / "prompts.json"),
        str(folder / "settings.json"),
    ]
    environment = {
        name: value for name, value in os.environ.items() if name != "LOCAL_RANK"
    }  # set for our DeepSpeed
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode:
        sys.exit(f"grpo_step: TRL's side failed:\n{done.stderr[-2000:]}")
    return statistics.median(json.loads(done.stdout.strip().splitlines()[-1])[WARM_STEPS:])
