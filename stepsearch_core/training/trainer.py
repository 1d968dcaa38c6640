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
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.base.means import mean, measured
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import FAILURES, Question, RewardBreakdown, Trajectory
from stepsearch_core.learning.distributed import gather, own_items
from stepsearch_core.metrics.measures import BRIEF, VALIDATION, Rules, measure_all
from stepsearch_core.metrics.timing import TIMING
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.terms import TermError
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.training.assessment import Assessor
from stepsearch_core.training.credit import Crediting
from stepsearch_core.training.draws import Draws
from stepsearch_core.training.experience import Experience, describe, too_few, usable, without_overlong
from stepsearch_core.training.knowledge import Knowledge
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.losses import explained_variance
from stepsearch_core.training.ppo_update import update
from stepsearch_core.training.resampling import sample_with_variance


class Stepped(NamedTuple):
    """What a training step came to, all trajectories sampled for it, and what was learnt from."""

    metrics: dict[str, float]
    sampled: list[Trajectory]
    experience: Experience


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
        importance_sampled: bool = False,
        likelihood_gains: bool = False,
        reward: RewardParams,
        knowledge: Knowledge | None = None,
        pad_token_id: int,
        longest: int,
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
            importance_sampled: whether ratios are against the trainer's log-probabilities, weighed.
            likelihood_gains: whether searches gain by the gold answer's likelihood under the policy.
            reward: the weights of the terms, of which the algorithm takes what it learns from.
            knowledge: what an informed critic is told; None for any other.
            pad_token_id: the tokenizer's.
            longest: tokens that a policy can write in a trajectory.
            seed: of the questions' order, sampling and minibatches.
        """
        self.rollout = rollout
        self.draws = Draws(questions, params.questions_per_step, seed)
        self.scorer = scorer
        self.params = params
        self.seed = seed
        self.temperature = rollout.params.temperature
        self.pad_token_id = pad_token_id
        self.longest = longest
        self.rules = Rules(scorer.segment)
        self.crediting = Crediting(params, reward)
        self.learner = Learner(policy, params, self.crediting.algorithm.critic, self.crediting.terms)
        self.assess = Assessor(
            self.learner,
            scorer,
            self.crediting,
            knowledge,
            temperature=self.temperature,
            pad_token_id=pad_token_id,
            importance_sampled=importance_sampled,
            renderer=rollout.renderer if likelihood_gains else None,
        )
        self._push()  # an engine that slept while all this was made has no weights

    def step(self, step: int) -> Stepped:
        """One training step (from 1).

        Raises:
            RetrievalError: fewer trajectories than `train.min_survivors` have not failed.
            TermsError: fewer of those than this share could be judged by `reward.terms`.
            MismatchError: sampler and trainer give tokens too different probabilities, or have for too long.
        """
        started, waited = time.perf_counter(), self.rollout.waited
        sampled, again = self.sample(step)
        self.rollout.engine.sleep()
        trajectories = usable(sampled)
        if not trajectories or len(trajectories) < self.params.min_survivors * len(sampled):
            failure = self.rollout.failure
            raise RetrievalError(too_few(step, sampled, self.params.min_survivors, failure))
        rolled_out = time.perf_counter()
        experience, differences = self.assess(trajectories)
        scored = time.perf_counter()
        statistics = self._learn(step, experience)
        ended = time.perf_counter()
        tokens = sum(len(trajectory.token_ids) for trajectory in trajectories)
        described = describe(
            experience.trajectories, experience.breakdowns, self.scorer.questions, self.rules
        )
        metrics = described | statistics | differences
        if self.learner.critic is not None:
            metrics["explained_variance"] = self._explained_variance(experience)
        metrics |= {
            "reward/total": float(
                np.mean([self.crediting.weighed(rows).sum() for rows in experience.rewards])
            ),
            "failed": len(sampled) - len(trajectories),
            "resampled": again,
            f"{TIMING}rollout": rolled_out - started,
            f"{TIMING}retrieval_wait": self.rollout.waited - waited,
            f"{TIMING}experience": scored - rolled_out,
            f"{TIMING}update": ended - scored,
            f"{TIMING}tokens_per_second": tokens / (ended - started),
        }
        return Stepped(metrics, sampled, experience)

    def sample(self, step: int) -> tuple[list[Trajectory], int]:
        """The trajectories of a step, and how many groups were drawn anew for it; engines stay awake."""
        return sample_with_variance(
            self.draws.of_step(step),
            self.params.resampling_rounds,
            partial(self._sample, step),
            self._worths,
            partial(self.draws.instead, step),
        )

    def _sample(self, step: int, attempt: int, questions: Sequence[Question]) -> list[Trajectory]:
        """Trajectories of questions in a step's first attempt, or in one to draw groups anew."""
        drawn = (Name.RESAMPLED, step, attempt) if attempt else (Name.TRAJECTORIES, step)
        stream_of = partial(stream, self.seed, *drawn)
        part = own_items(self.rollout.engine.shared_by)
        return gather(self.rollout.sample(questions, self.params.samples_per_question, stream_of, part))

    def _worths(self, trajectories: Sequence[Trajectory]) -> list[float | None]:
        """All that each trajectory earns, the same on every rank; None if it failed."""
        own = trajectories[own_items()]
        scored = iter(self.scorer.with_terms(usable(own)))
        return gather(
            [None if made.stop_reason in FAILURES else self._worth(made, next(scored)) for made in own]
        )

    def _worth(self, trajectory: Trajectory, scored: RewardBreakdown | TermError) -> float | None:
        if isinstance(scored, TermError):
            return None
        return float(self.crediting.weighed(self.crediting.rewards(trajectory, scored)).sum())

    def _learn(self, step: int, experience: Experience) -> dict[str, float]:
        """The critic learns and, after its warm-up, the policy; statistics of both."""
        if self.params.mask_overlong:
            experience = without_overlong(experience)
        statistics: dict[str, float] = {}
        critic = self.learner.critic
        if critic is not None:
            order = stream(self.seed, Name.CRITIC_MINIBATCHES, step)
            statistics |= critic.fit(experience, self.pad_token_id, order)
        if critic is None or step > self.params.critic_warmup_steps:
            statistics |= update(
                self.learner,
                experience,
                self.params,
                temperature=self.temperature,
                pad_token_id=self.pad_token_id,
                generator=stream(self.seed, Name.MINIBATCHES, step),
                longest=self.longest,
            )
            self._push()
        return statistics

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

    def _explained_variance(self, experience: Experience) -> float:
        """Of the whole returns by the whole values."""
        values, returns = (
            torch.from_numpy(self.crediting.weighed(np.concatenate(rows)))
            for rows in (experience.old_values, experience.returns)
        )
        return explained_variance(values, returns)
