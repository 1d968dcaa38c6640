"""Step-wise PPO (StePPO): sample, score every search and the answer, assign credit to tokens, update, repeat.

Departures from the paper: the critic is a value head on the policy's detached hidden states; the KL to the start is a
k3 term of the loss (the released code subtracts k1 from the reward); advantages, whitening and losses see policy
tokens only. `train.algorithm: ppo` is the same loop with the answer as the only reward.

Of several ranks each samples and scores its share; what they made is gathered on all, so that advantages, minibatches
and metrics come from the whole step by the same code as in one process.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.metrics.search import search_count, support_recall
from stepsearch_core.params import RewardParams, TrainParams
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.composition import outcome_only
from stepsearch_core.rollout.batching import length_groups, token_batch
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.training.actor_critic import ActorCritic, token_log_probs
from stepsearch_core.training.deepspeed_engine import DeepSpeedTrainer
from stepsearch_core.training.distributed import gather, share
from stepsearch_core.training.experience import Experience, add_advantages, describe, policy_rewards, usable
from stepsearch_core.training.losses import explained_variance
from stepsearch_core.training.ppo_update import update
from stepsearch_core.types import Question, Trajectory


class Trainer:
    """Trains the policy of a rollout in place."""

    def __init__(
        self,
        policy: PreTrainedModel,
        rollout: Rollout,
        questions: Sequence[Question],
        scorer: Scorer,
        params: TrainParams,
        reward: RewardParams,
        temperature: float,
        pad_token_id: int,
        seed: int,
    ) -> None:
        self.rollout, self.questions, self.scorer, self.params = rollout, questions, scorer, params
        self.reward = outcome_only(reward) if params.algorithm == "ppo" else reward
        self.temperature, self.pad_token_id, self.seed = temperature, pad_token_id, seed
        self.reference = copy.deepcopy(policy).eval().requires_grad_(False)
        if params.gradient_checkpointing:
            policy.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            policy.train()  # it applies in training mode only; these models have no dropout
        module = ActorCritic(policy)
        groups = [
            {"params": list(policy.parameters()), "lr": params.learning_rate},
            {"params": list(module.value_head.parameters()), "lr": params.value_learning_rate},
        ]
        self.value_head = module.value_head
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)
        self.engine = DeepSpeedTrainer(module, optimizer, params.max_grad_norm, params.zero_stage)
        self.reference.to(policy.device)  # DeepSpeed has moved the policy to its GPU

    def step(self, step: int) -> tuple[dict[str, float], list[Trajectory]]:
        """One training step (from 1): its metrics and the trajectories sampled for it.

        Raises:
            RetrievalError: no search of this step could be carried out.
        """
        started = time.perf_counter()
        questions, samples = self._draw(step), self.params.samples_per_question
        sampled = gather(self.rollout.sample(questions, samples, (self.seed, step), share()))
        trajectories = usable(sampled)
        if not trajectories:
            raise RetrievalError(f"step {step}: every trajectory's retrieval failed, so there is nothing to learn from")
        rolled_out = time.perf_counter()
        experience, mismatch = self._experience(trajectories)
        scored = time.perf_counter()
        train_policy = step > self.params.critic_warmup_steps
        generator = np.random.default_rng([self.seed, step, 1])
        statistics = update(
            self.engine, experience, self.params, self.temperature, self.pad_token_id, generator, train_policy
        )
        ended = time.perf_counter()
        tokens = sum(len(trajectory.token_ids) for trajectory in trajectories)
        metrics = describe(trajectories, experience.breakdowns, self.scorer.questions) | statistics
        metrics |= {
            "reward/total": float(np.mean([rewards.sum() for rewards in experience.rewards])),
            "explained_variance": _explained_variance(experience),
            "sampler_mismatch": mismatch,
            "retrieval_failed": len(sampled) - len(trajectories),
            "timing/rollout": rolled_out - started,
            "timing/experience": scored - rolled_out,
            "timing/update": ended - scored,
            "tokens_per_second": tokens / (ended - started),
        }
        return metrics, sampled

    def validate(self, questions: Sequence[Question]) -> dict[str, float]:
        """Greedy answers to held-out questions of the training file."""
        trajectories = gather(self.rollout.greedy(questions[share()]))
        pairs = list(zip(trajectories, questions, strict=True))
        recalls = [support_recall(trajectory, question) for trajectory, question in pairs]
        return {
            "validation/em": float(np.mean([exact_match(t.answer, q.answers) for t, q in pairs])),
            "validation/f1": float(np.mean([word_f1(t.answer, q.answers) for t, q in pairs])),
            "validation/searches": float(np.mean([search_count(t) for t in trajectories])),
            "validation/support_recall": float(np.mean([recall for recall in recalls if recall is not None])),
        }

    def _draw(self, step: int) -> list[Question]:
        """The questions of a step: epochs of seeded permutations, cut into steps."""
        count = self.params.questions_per_step
        numbers = range((step - 1) * count, step * count)
        permutations = {
            epoch: np.random.default_rng([self.seed, 2, epoch]).permutation(len(self.questions))
            for epoch in {number // len(self.questions) for number in numbers}
        }
        return [self.questions[permutations[n // len(self.questions)][n % len(self.questions)]] for n in numbers]

    @torch.no_grad()
    def _experience(self, trajectories: list[Trajectory]) -> tuple[Experience, float]:
        """What the update needs, and the largest gap between the log-probabilities of trainer and sampler."""
        mine = trajectories[share()]
        breakdowns = gather([self.scorer(trajectory) for trajectory in mine])
        rewards = [policy_rewards(t, b, self.reward) for t, b in zip(trajectories, breakdowns, strict=True)]
        old_log_probs = [np.array(trajectory.log_probs) for trajectory in trajectories]
        values, reference, current = (gather(arrays) for arrays in self._score(mine))
        difference = np.concatenate(current) - np.concatenate(old_log_probs)
        experience = Experience(trajectories, breakdowns, old_log_probs, rewards, values, reference, [], [])
        add_advantages(experience, self.params)
        return experience, float(np.abs(difference).max())

    def _score(self, trajectories: Sequence[Trajectory]) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Values, the reference's and the policy's own log-probabilities of each trajectory's policy tokens."""
        values, reference, current = ([np.empty(0)] * len(trajectories) for _ in range(3))
        for group in length_groups(trajectories, self.params.micro_batch_size):
            members = [trajectories[index] for index in group]
            batch = token_batch(members, self.pad_token_id)
            outputs = self.engine(batch, self.temperature)
            references = token_log_probs(self.reference, batch, self.temperature)
            ends = np.cumsum([len(member.log_probs) for member in members])[:-1]
            for store, tensor in ((values, outputs.values), (current, outputs.log_probs), (reference, references)):
                for index, part in zip(group, np.split(tensor.cpu().numpy(), ends), strict=True):
                    store[index] = part
        return values, reference, current


def _explained_variance(experience: Experience) -> float:
    values = torch.from_numpy(np.concatenate(experience.old_values))
    return explained_variance(values, torch.from_numpy(np.concatenate(experience.returns)))
