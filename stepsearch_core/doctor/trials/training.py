"""Warm start and training steps, through the trainer that the stage `train` opens."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Author, Question, Segment, Trajectory
from stepsearch_core.doctor.trial import TrialError, require
from stepsearch_core.doctor.trials.sampling import engine_of, rollout
from stepsearch_core.doctor.trials.small import Parts, small_params, small_parts
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.learning.sft import fine_tune, replay
from stepsearch_core.metrics.search import format_valid
from stepsearch_core.params import TrainParams
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.synthesis.trajectories import AnswerTurn, SearchTurn, WarmstartTurn
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.opening import open_trainer
from stepsearch_core.training.ppo_update import update

LIKE_PLAIN = 0.25
"""Of how far an update moves log-probabilities, two ways to make it may be so far apart: in bfloat16 ZeRO 3
and 0, which add gradients in other orders, are .08 apart on a CPU. No update at all, or another one, is 1.
"""
_SAME_PROBLEM = ("model.", "train.critic=")
"""Parameters that say what is computed; others say how."""
_ROWS, _LENGTH = 8, 96
_FINITE = ("policy_loss", "value_loss", "entropy", "grad_norm", "mismatch/mean", "reward/total")


def warm_start(overrides: Sequence[str]) -> dict[str, Any]:
    """Fine-tuning on episodes of a searcher that asks the gold sub-questions; the policy then plays some."""
    with small_parts(overrides) as parts:
        renderer = Renderer(parts.tokenizer, parts.params.environment)
        shown = [
            replay(_turns(question), question, parts.corpus.get, renderer) for question in parts.questions
        ]
        policy, params = parts.policy, parts.params
        pad = parts.tokenizer.pad_token_id
        rows = fine_tune(policy, shown, params.warmstart, pad, params.seed)
        first, last = rows[0]["loss"], rows[-1]["loss"]
        require(last < 0.8 * first, f"the loss went from {first:.3g} to {last:.3g} in {len(rows)} batches")
        policy = policy.eval().to(own_device())
        played = rollout(engine_of(parts, policy), parts).greedy(parts.questions[:16])
        searches = sum(len(trajectory.searches) for trajectory in played)
        require(searches > 0, "the policy that was fine-tuned never searches")
        valid = sum(map(format_valid, played)) / len(played)
        return {"loss": last, "from": first, "searches": searches, "format valid": valid}


def _turns(question: Question) -> list[WarmstartTurn]:
    searches = [SearchTurn("", hop.search_keys[0], hop.support_ids) for hop in question.hops]
    return [*searches, AnswerTurn("", question.answers[0])]


def step(overrides: Sequence[str]) -> dict[str, Any]:
    """A training step of step-wise PPO, a checkpoint that is read again, a validation, and the export."""
    with small_parts(overrides) as parts:
        trainer, validation, tokenizer = open_trainer(parts.data, parts.corpus, parts.params)
        before = _weights(trainer.learner)
        metrics = trainer.step(1).metrics
        for name in _FINITE:
            require(math.isfinite(metrics[name]), f"{name} is {metrics[name]}")
        require(metrics["skipped_updates"] == 0, "gradients were not finite")
        moved = float((_weights(trainer.learner) - before).abs().max())
        require(moved > 0, "the update left every weight as it was")
        trainer.learner.save(parts.data / "checkpoint")
        trainer.load(parts.data / "checkpoint")
        trainer.validate(validation)
        trainer.learner.export(tokenizer, parts.data / "train")
        return {
            "mismatch": metrics["mismatch/mean"],
            "grad_norm": metrics["grad_norm"],
            "moved": moved,
            "tokens a second": round(metrics["timing/tokens_per_second"]),
        }


def same_update(overrides: Sequence[str]) -> dict[str, Any]:
    """Two optimizer steps move the policy where they move it without these parameters."""
    with small_parts(overrides) as parts:
        data = _experience(parts)
        plain = small_params([text for text in overrides if text.startswith(_SAME_PROBLEM)])
        wanted, norm = _updated(parts, plain.train, data)
        found, own_norm = _updated(parts, parts.params.train, data)
        start = _log_probs(parts.policy.to(own_device()), data.trajectories, parts)
        moved = float((wanted - start).abs().mean())
        apart = float((found - wanted).abs().mean())
        figures = {"moved": moved, "apart": apart, "grad_norm": own_norm, "plain": norm}
        require(moved > 0 and apart <= LIKE_PLAIN * moved, f"not the plain update: {figures}")
        return figures


def _updated(parts: Parts, params: TrainParams, data: Experience) -> tuple[torch.Tensor, float]:
    """Log-probabilities of the data's tokens after an update, and the mean gradient norm."""
    learner = Learner(copy.deepcopy(parts.policy), params, has_critic=True)
    statistics = update(
        learner,
        data,
        params,
        temperature=1.0,
        pad_token_id=parts.tokenizer.pad_token_id,
        generator=stream(0, Name.MINIBATCHES, 0),
        longest=_LENGTH,
    )
    learner.push()
    return _log_probs(learner.policy.eval(), data.trajectories, parts), statistics["grad_norm"]


def _experience(parts: Parts) -> Experience:
    """Random tokens with something to learn for each."""
    draw = stream(0, Name.TRAJECTORIES, 0)
    trajectories = []
    for number in range(_ROWS):
        ids = draw.integers(5, len(parts.tokenizer), _LENGTH).tolist()
        written = Segment(Author.POLICY, 0, ids[_LENGTH // 2 :], [0.0] * (_LENGTH - _LENGTH // 2))
        segments = [Segment(Author.PROMPT, 0, ids[: _LENGTH // 2]), written]
        trajectories.append(Trajectory(f"q{number}", 0, segments))
    scored = _log_probs(parts.policy, trajectories, parts).double().numpy()
    own = np.split(scored, _ROWS)

    def noise() -> list[np.ndarray]:
        return [draw.normal(0, 1, len(row)) for row in own]

    ones = [np.ones(len(row)) for row in own]
    return Experience(trajectories, [], own, ones, noise(), noise(), own, noise(), noise())


@torch.no_grad()
def _log_probs(policy: Any, trajectories: list[Trajectory], parts: Parts) -> torch.Tensor:
    return Actor(policy)(token_batch(trajectories, parts.tokenizer.pad_token_id)).log_probs.float().cpu()


def _weights(learner: Learner) -> torch.Tensor:
    """All of the policy that samples, in one row; adapters too."""
    if not (weights := [weight.detach().float().flatten().cpu() for weight in learner.policy.parameters()]):
        raise TrialError("the policy has no weights")
    return torch.cat(weights)
