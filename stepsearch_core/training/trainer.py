"""Step-wise PPO (StePPO): sample, score every search and the answer, assign credit, update, repeat.

Departures from the paper, each undone by a parameter: the critic is a value head on the policy's detached
hidden states (`train.critic`); the KL to the start is a k3 term of the loss, where the released code
subtracts k1 from the reward (`train.kl_estimator`, `train.kl_placement`). Advantages, whitening and losses
see policy tokens only. The same loop trains the baselines: `train.algorithm` names a file of
`training/algorithms`.

Of several ranks each samples and scores its share; what they made is gathered on all, so that advantages,
minibatches and metrics come from the whole step by the same code as in one process.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.ranks import world_size
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Question, Trajectory
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.distributed import gather, own_items, own_micro_batch
from stepsearch_core.metrics.measures import BRIEF, VALIDATION, Rules, measure_all
from stepsearch_core.metrics.timing import TIMING
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.composition import outcome_only
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.training.algorithms import ALGORITHMS
from stepsearch_core.training.algorithms.algorithm import Rows, ScoredBatch
from stepsearch_core.training.experience import (
    Experience,
    describe,
    policy_rewards,
    subtract_kl,
    too_few,
    usable,
)
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.losses import explained_variance
from stepsearch_core.training.mismatch import (
    MismatchError,
    MismatchGuard,
    importance_weights,
    mismatch,
    within_sequence_limit,
)
from stepsearch_core.training.ppo_update import update


class Trainer:
    """Trains the policy of a rollout in place."""

    def __init__(
        self,
        *,
        policy: PreTrainedModel,
        rollout: Rollout,
        questions: Sequence[Question],
        scorer: Scorer,
        params: TrainParams,
        reward: RewardParams,
        pad_token_id: int,
        seed: int,
    ) -> None:
        """Open the learner.

        Args:
            policy: trained in place.
            rollout: samples from `policy`, at a temperature that the update takes as well; an engine with
                weights of its own may be asleep.
            questions: asked in seeded permutations.
            scorer: of `questions`.
            params: the section `train`.
            reward: the weights of the terms; an algorithm without step rewards takes the answer's alone.
            pad_token_id: the tokenizer's.
            seed: of the questions' order, sampling and minibatches.
        """
        self.rollout = rollout
        self.questions = questions
        self.scorer = scorer
        self.params = params
        self.seed = seed
        self.temperature = rollout.params.temperature
        self.pad_token_id = pad_token_id
        self.rules = Rules(scorer.segment)
        self.algorithm = ALGORITHMS[params.algorithm]
        self.reward = reward if self.algorithm.step_rewards else outcome_only(reward)
        self.learner = Learner(policy, params, self.algorithm.critic)
        self.mismatch = MismatchGuard(params.max_mismatch, policy.dtype)
        self._push()  # an engine that slept while all this was made has no weights

    def step(self, step: int) -> tuple[dict[str, float], list[Trajectory]]:
        """One training step (from 1): its metrics and the trajectories sampled for it.

        Raises:
            RetrievalError: fewer trajectories than `train.min_survivors` have not failed.
            MismatchError: sampler and trainer give tokens too different probabilities, or have for too long.
        """
        started, waited = time.perf_counter(), self.rollout.waited
        questions, samples = self._draw(step), self.params.samples_per_question
        stream_of = partial(stream, self.seed, Name.TRAJECTORIES, step)
        part = own_items(self.rollout.engine.shared_by)
        sampled = gather(self.rollout.sample(questions, samples, stream_of, part))
        self.rollout.engine.sleep()
        trajectories = usable(sampled)
        if not trajectories or len(trajectories) < self.params.min_survivors * len(sampled):
            failure = self.rollout.failure
            raise RetrievalError(too_few(step, sampled, self.params.min_survivors, failure))
        rolled_out = time.perf_counter()
        experience, differences = self._experience(trajectories)
        scored = time.perf_counter()
        train_policy = not self.algorithm.critic or step > self.params.critic_warmup_steps
        generator = stream(self.seed, Name.MINIBATCHES, step)
        statistics = update(
            self.learner,
            experience,
            self.params,
            temperature=self.temperature,
            pad_token_id=self.pad_token_id,
            generator=generator,
            train_policy=train_policy,
        )
        self._push()
        ended = time.perf_counter()
        tokens = sum(len(trajectory.token_ids) for trajectory in trajectories)
        described = describe(
            experience.trajectories, experience.breakdowns, self.scorer.questions, self.rules
        )
        metrics = described | statistics | differences
        if self.algorithm.critic:
            metrics["explained_variance"] = _explained_variance(experience)
        metrics |= {
            "reward/total": float(np.mean([rewards.sum() for rewards in experience.rewards])),
            "failed": len(sampled) - len(trajectories),
            f"{TIMING}rollout": rolled_out - started,
            f"{TIMING}retrieval_wait": self.rollout.waited - waited,
            f"{TIMING}experience": scored - rolled_out,
            f"{TIMING}update": ended - scored,
            f"{TIMING}tokens_per_second": tokens / (ended - started),
        }
        return metrics, sampled

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: no whole checkpoint, or one of another architecture.
        """
        self.learner.load(folder)
        self._push()

    def _push(self) -> None:
        """The sampling engine gets the weights as they are now."""
        self.learner.push()
        if not self.rollout.engine.in_place:
            self.rollout.engine.update(self.learner.policy)

    def validate(self, questions: Sequence[Question]) -> dict[str, float]:
        """Greedy answers to held-out questions of the training file; undefined measures are left out."""
        trajectories = gather(self.rollout.greedy(questions[own_items(self.rollout.engine.shared_by)]))
        rows = [
            measure_all(trajectory, question, BRIEF, self.rules)
            for trajectory, question in zip(trajectories, questions, strict=True)
        ]
        return measured({f"{VALIDATION}{key}": mean(row[key] for row in rows) for key in BRIEF})

    def _draw(self, step: int) -> list[Question]:
        """The questions of a step: epochs of seeded permutations, cut into steps."""
        count = self.params.questions_per_step
        numbers = range((step - 1) * count, step * count)
        permutations = {
            epoch: stream(self.seed, Name.EPOCHS, epoch).permutation(len(self.questions))
            for epoch in {number // len(self.questions) for number in numbers}
        }
        return [
            self.questions[permutations[n // len(self.questions)][n % len(self.questions)]] for n in numbers
        ]

    def _experience(self, trajectories: list[Trajectory]) -> tuple[Experience, dict[str, float]]:
        """What the update needs, and how far apart sampler and trainer are."""
        params = self.params
        values, reference, trainer = self._score(trajectories)
        sampler = [np.array(trajectory.log_probs) for trajectory in trajectories]
        within = self.mismatch.within(trajectories, trainer)
        if not within and not all(map(len, trainer)):
            values, reference, trainer = self._score(trajectories, everything=True)
        figures = mismatch(sampler, trainer)
        kept = within_sequence_limit(sampler, trainer, params.sequence_ratio_limit)
        if not within:
            kept = [index for index in self.mismatch.kept(trajectories, trainer) if index in set(kept)]
        figures["mismatch/masked"] = len(trajectories) - len(kept)
        figures["mismatch/steps_beyond"] = self.mismatch.steps_beyond
        if not kept:
            raise MismatchError(
                "every trajectory is beyond train.sequence_ratio_limit: there is nothing to learn from"
            )
        trajectories, sampler = [trajectories[i] for i in kept], [sampler[i] for i in kept]
        values, reference, trainer = ([rows[i] for i in kept] for rows in (values, reference, trainer))
        breakdowns = gather([self.scorer(trajectory) for trajectory in trajectories[own_items()]])
        rewards = [policy_rewards(t, b, self.reward) for t, b in zip(trajectories, breakdowns, strict=True)]
        if params.kl_placement == "reward" and self.learner.has_reference:
            rewards = subtract_kl(rewards, sampler, reference, params.kl_coefficient, params.kl_estimator)
        credited = ScoredBatch([trajectory.question_id for trajectory in trajectories], rewards, values)
        advantages, returns = self.algorithm.credit(credited, params.gamma, params.gae_lambda)
        old = sampler if params.importance_cap is None else trainer
        importance = importance_weights(sampler, trainer, params.importance_cap)
        made = Experience(
            trajectories, breakdowns, old, importance, rewards, values, reference, advantages, returns
        )
        return made, figures

    @torch.no_grad()
    def _score(
        self, trajectories: Sequence[Trajectory], everything: bool = False
    ) -> tuple[Rows, Rows, Rows]:
        """Values, the reference's and the policy's own log-probabilities of each trajectory's policy tokens.

        Where nothing but the mismatch needs the policy's own, one micro-batch is a sample enough; the other
        rows are empty. Every rank scores its share of every micro-batch and so makes as many forward passes,
        which ZeRO 3 needs.
        """
        params = self.params
        corrected = params.importance_cap is not None or params.sequence_ratio_limit is not None
        needs_all = everything or self.algorithm.critic or corrected
        scored: list[tuple[int, tuple[np.ndarray, ...]]] = []
        groups = micro_batches(trajectories, params.micro_batch_tokens, world_size())
        for number, group in enumerate(groups):
            mine, weight = own_micro_batch(group)
            members = [trajectories[index] for index in mine]
            batch = token_batch(members, self.pad_token_id)
            values = reference = torch.zeros(len(batch.targets))
            trainer = None
            if self.learner.has_reference:
                reference = self.learner.reference_log_probs(batch, self.temperature)
            if needs_all or number == len(groups) // 2:
                outputs = self.learner.outputs(batch, self.temperature, with_entropy=False)
                values, trainer = outputs.values, outputs.log_probs
            if weight:
                rows = (_rows(tensor, members) for tensor in (values, reference, trainer))
                scored += zip(mine, zip(*rows, strict=True), strict=True)
        by_index = dict(gather(scored))
        columns = zip(*(by_index[index] for index in range(len(trajectories))), strict=True)
        return tuple(map(list, columns))  # type: ignore[return-value]


def _rows(tensor: torch.Tensor | None, members: Sequence[Trajectory]) -> list[np.ndarray]:
    """Values of policy tokens, in order, as one float64 array for each trajectory; empty ones for None."""
    if tensor is None:
        return [np.empty(0)] * len(members)
    ends = np.cumsum([len(member.log_probs) for member in members])[:-1]
    return np.split(tensor.double().cpu().numpy(), ends)


def _explained_variance(experience: Experience) -> float:
    values = torch.from_numpy(np.concatenate(experience.old_values))
    return explained_variance(values, torch.from_numpy(np.concatenate(experience.returns)))
