"""Credit: what critics explain, what advantages tell apart, which gain goes with the answer's F1.

The active profile's warm start answers the questions of some training steps, at the temperature of training;
it does not learn. A critic is fitted step by step as in training and asked about each step before it learns
it, so that what it explains is held out.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from perf.credit_oracles import largest_error
from perf.measure import in_turn, median_of_pairs, report, seconds
from stepsearch_core.base.streams import Name, seed_torch, stream
from stepsearch_core.base.types import ActionKind
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.metrics.answers import word_f1
from stepsearch_core.params import Params, load_params
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.rewards.gain_above_floor import floors_of
from stepsearch_core.training.algorithms.algorithm import Rows, ScoredBatch
from stepsearch_core.training.credit import Crediting
from stepsearch_core.training.critic import Critic
from stepsearch_core.training.draws import Draws
from stepsearch_core.training.evidence import gold_shown_before, token_turns, turns_and_evidence
from stepsearch_core.training.experience import Experience, usable
from stepsearch_core.training.likelihood_gain import LikelihoodGain
from stepsearch_core.training.losses import explained_variance
from stepsearch_core.training.opening import open_trainer
from stepsearch_core.training.trainer import Trainer
from tasks.stage import DATA

STEPS, QUICK_STEPS = 15, 10
HELD_OUT = 6
"""Last steps whose means are reported."""
CRITICS = ("value_head", "informed")
LAMBDAS = (1.0, 0.98, 0.95, 0.9)
"""Of which advantages are told apart; the plain head's reference is 1, the paper's."""
GROUP = 8
"""Samples of a question, for schemes that compare them."""


def main(quick: bool) -> None:
    """Measure on `STEPS` steps of the active profile (`quick`: `QUICK_STEPS`)."""
    params = load_params()
    params.train.critic = "informed"
    corpus = Corpus.open(DATA / "corpus")
    trainer, *_ = open_trainer(DATA, corpus, params)
    steps = [_sampled(trainer, step) for step in range(1, (QUICK_STEPS if quick else STEPS) + 1)]
    figures: dict[str, Any] = {}
    separations: dict[str, dict[float, float]] = {}
    for algorithm, returns in (("steppo", "step"), ("ppo", "outcome")):
        for critic in CRITICS:
            explained, separation = _fitted(trainer, steps, params, algorithm, critic)
            name = f"explained_variance_{returns}"
            figures[name if critic == "informed" else f"{name}_{critic}"] = explained
            separations[f"{returns}_{critic}"] = separation
    for gae_lambda in LAMBDAS:
        ratio = separations["step_informed"][gae_lambda] / separations["step_value_head"][1.0]
        figures[f"advantage_separation_ratio_{gae_lambda}"] = ratio
    figures["advantage_separation_ratio"] = figures[f"advantage_separation_ratio_{params.train.gae_lambda}"]
    figures |= {
        f"separation_{name}_{gae_lambda}": value
        for name, of_lambda in separations.items()
        for gae_lambda, value in of_lambda.items()
    }
    figures |= _gains(trainer, corpus, steps[:5])
    figures |= _schemes(trainer, params, quick)
    figures["credit_max_error"] = largest_error()
    repeats = 3 if quick else 7
    costs = _costs(params, corpus, repeats)
    figures["critic_cost"] = median_of_pairs(operator.truediv, costs["informed"], costs["value_head"])
    workload = [[made.token_ids for made in step.trajectories] for step in steps]
    report("credit", figures, costs, repeats, workload, trajectories=sum(map(len, workload)))


def _sampled(trainer: Trainer, step: int) -> Experience:
    """A step's trajectories of the policy as it is, assessed."""
    return trainer.assess(usable(trainer.sample(step)[0]))[0]


def _fitted(
    trainer: Trainer, steps: Sequence[Experience], params: Params, algorithm: str, kind: str
) -> tuple[float, dict[float, float]]:
    """Held-out explained variance, and separation of advantages by lambda, of a critic fitted step by step.

    Means over the last `HELD_OUT` steps. Explained is what was earned: with lambda below 1 a critic learns
    returns in which its own values are, and explains those much better.
    """
    train = replace(params.train, algorithm=algorithm, critic=kind)
    crediting = Crediting(train, params.reward)
    of_lambda = {each: Crediting(replace(train, gae_lambda=each), params.reward) for each in LAMBDAS}
    whole = of_lambda[1.0]
    seed_torch(0, Name.MEASUREMENT)
    critic = Critic(trainer.learner.policy, train)
    explained: list[float] = []
    separations: dict[float, list[float]] = {gae_lambda: [] for gae_lambda in LAMBDAS}
    for number, step in enumerate(steps, start=1):
        known = step.known if kind == "informed" else [row[:, :0] for row in step.known]
        values = [_values(critic, step.states[i], known[i]) for i in range(len(step.trajectories))]
        rewards = [crediting.rewards(*pair) for pair in zip(step.trajectories, step.breakdowns, strict=True)]
        batch = _batch(trainer, step, rewards, values)
        _, returns = crediting.assign(batch)
        _, earned = whole.assign(batch)
        flat = (torch.from_numpy(np.concatenate(rows)) for rows in (values, earned))
        explained.append(explained_variance(*flat))
        for gae_lambda, other in of_lambda.items():
            advantages, _ = other.assign(batch)
            separations[gae_lambda].append(_separation(trainer, step, advantages))
        data = replace(step, old_values=values, returns=returns, known=known)
        critic.fit(data, trainer.pad_token_id, stream(0, Name.MEASUREMENT, number))
    last = {gae_lambda: float(np.mean(found[-HELD_OUT:])) for gae_lambda, found in separations.items()}
    return float(np.mean(explained[-HELD_OUT:])), last


@torch.no_grad()
def _values(critic: Critic, states: torch.Tensor, known: np.ndarray) -> np.ndarray:
    values: np.ndarray = critic.head(states, known).double().cpu().numpy()
    return values


def _batch(trainer: Trainer, step: Experience, rewards: Rows, values: Rows) -> ScoredBatch:
    turns, evidence = turns_and_evidence(step.trajectories, trainer.scorer.questions)
    ids = [trajectory.question_id for trajectory in step.trajectories]
    return ScoredBatch(ids, rewards, values, turns, evidence)


def _separation(trainer: Trainer, step: Experience, advantages: Rows) -> float:
    """D' of token advantages in searches that show a new gold passage against those that do not.

    Distance of the means over the root of the mean variance.
    """
    hits: dict[bool, list[float]] = {True: [], False: []}
    for trajectory, row in zip(step.trajectories, advantages, strict=True):
        question = trainer.scorer.questions[trajectory.question_id]
        before, turns = gold_shown_before(trajectory, question), token_turns(trajectory)
        for number, turn in enumerate(trajectory.turns[:-1]):
            if turn.action.kind is ActionKind.SEARCH:
                hits[bool(before[number + 1] > before[number])] += row[turns == number].tolist()
    hit, miss = (np.array(hits[found]) for found in (True, False))
    return float((hit.mean() - miss.mean()) / np.sqrt((hit.var() + miss.var()) / 2))


def _schemes(trainer: Trainer, params: Params, quick: bool) -> dict[str, float]:
    """Separation by every scheme without a critic, on groups of `GROUP` samples."""
    trainer.params = replace(trainer.params, samples_per_question=GROUP)
    trainer.draws = Draws(list(trainer.scorer.questions.values()), 128 // GROUP, params.seed)
    steps = [_sampled(trainer, step) for step in range(101, 102 if quick else 104)]
    figures = {}
    for algorithm in ("grpo", "rloo", "reinforce_pp"):
        for scheme in ("trajectory", "return_to_go", "turn_group"):
            crediting = Crediting(replace(params.train, algorithm=algorithm, credit=scheme), params.reward)
            separations = []
            for step in steps:
                pairs = zip(step.trajectories, step.breakdowns, strict=True)
                rewards = [crediting.rewards(*pair) for pair in pairs]
                values = [np.zeros_like(row) for row in rewards]
                advantages, _ = crediting.assign(_batch(trainer, step, rewards, values))
                separations.append(_separation(trainer, step, advantages))
            figures[f"separation_{algorithm}_{scheme}"] = float(np.mean(separations))
    return figures


def _gains(trainer: Trainer, corpus: Corpus, steps: Sequence[Experience]) -> dict[str, float]:
    """Spearman's rank correlation of each gain, summed over a trajectory, with the answer's F1."""
    questions, similarity = trainer.scorer.questions, trainer.scorer.similarity
    asked = {trajectory.question_id for step in steps for trajectory in step.trajectories}
    gold = [pid for question_id in asked for pid in questions[question_id].support_ids]
    floors = floors_of(corpus, similarity, gold)
    likelihood = LikelihoodGain(
        trainer.learner, trainer.rollout.renderer, questions, trainer.temperature, trainer.pad_token_id
    )
    sums: dict[str, list[float]] = {}
    f1: list[float] = []
    for step in steps:
        f1 += [word_f1(made.answer, questions[made.question_id].answers) for made in step.trajectories]
        scored = {
            gain: [score(t, questions[t.question_id], similarity, gain, floors) for t in step.trajectories]
            for gain in ("similarity", "above_floor", "supports")
        }
        scored["likelihood"] = likelihood(step.trajectories, step.breakdowns)
        for gain, rows in scored.items():
            sums.setdefault(gain, []).extend(
                sum(reward.information_gain for reward in row.step_rewards) for row in rows
            )
    return {f"gain_rank_correlation_{gain}": float(spearmanr(of, f1)[0]) for gain, of in sums.items()}


def _costs(params: Params, corpus: Corpus, repeats: int) -> dict[str, list[float]]:
    """Seconds of a training step with each critic, in turn."""
    train = replace(params.train, critic_warmup_steps=0)
    trainers = {
        critic: open_trainer(DATA, corpus, replace(params, train=replace(train, critic=critic)))[0]
        for critic in CRITICS
    }
    sides = {name: lambda made=made: seconds(lambda: made.step(1)) for name, made in trainers.items()}
    in_turn(sides, 1)  # the first time kernels are chosen
    return in_turn(sides, repeats)
