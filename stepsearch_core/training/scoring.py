"""What trajectories are asked before credit is given: values and log-probabilities of every token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from stepsearch_core.base.ranks import world_size
from stepsearch_core.base.types import Trajectory
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.distributed import gather, own_micro_batch
from stepsearch_core.training.algorithms.algorithm import Rows
from stepsearch_core.training.experience import states_of
from stepsearch_core.training.learner import Learner


@dataclass(slots=True)
class Scores:
    """Of each trajectory, over its policy tokens."""

    values: Rows
    """[tokens, terms]; zeros without a critic."""
    reference: Rows
    """Log-probabilities of the policy as it started; zeros without a reference."""
    trainer: Rows
    """The policy's own log-probabilities; of a trajectory that was not asked, an empty array."""
    states: dict[int, torch.Tensor]
    """By the trajectory's index, what a value head reads, in main memory: of this rank's own."""

    def of(self, kept: Sequence[int]) -> Scores:
        """The scores of some of the trajectories, in this order."""
        values, reference, trainer = (
            [of[index] for index in kept] for of in (self.values, self.reference, self.trainer)
        )
        return Scores(values, reference, trainer, states_of(self.states, kept))


@torch.no_grad()
def score(
    learner: Learner,
    trajectories: Sequence[Trajectory],
    known: Rows,
    *,
    terms: int,
    temperature: float,
    pad_token_id: int,
    everything: bool,
) -> Scores:
    """Ask reference, policy and critic.

    Every rank scores its share of every micro-batch and so makes as many forward passes, which ZeRO 3 needs.

    Args:
        learner: holds them.
        trajectories: of the whole step, the same on every rank.
        known: of each, what an informed critic is told.
        terms: values a token.
        temperature: of sampling.
        pad_token_id: for padding.
        everything: whether the policy's own log-probabilities of all are wanted. If not, and there is no
            critic, one micro-batch is asked, which is a sample enough.
    """
    critic = learner.critic
    scored: list[tuple[int, tuple[np.ndarray, ...]]] = []
    states: dict[int, torch.Tensor] = {}
    groups = micro_batches(trajectories, learner.params.micro_batch_tokens, world_size())
    for number, group in enumerate(groups):
        mine, weight = own_micro_batch(group)
        members = [trajectories[index] for index in mine]
        batch = token_batch(members, pad_token_id)
        values, reference = torch.zeros(len(batch.targets), terms), torch.zeros(len(batch.targets))
        trainer = None
        if learner.has_reference:
            reference = learner.reference_log_probs(batch, temperature)
        if everything or critic is not None or number == len(groups) // 2:
            outputs = learner.outputs(batch, temperature, with_entropy=False)
            trainer = outputs.log_probs
            if critic is not None:
                values = critic(batch, outputs.states, np.concatenate([known[index] for index in mine]))
        if weight:
            rows = (_rows(tensor, members) for tensor in (values, reference, trainer))
            scored += zip(mine, zip(*rows, strict=True), strict=True)
            if critic is not None and not critic.is_model:
                states |= zip(mine, outputs.states.cpu().split(_lengths(members)), strict=True)
    by_index = dict(gather(scored))
    columns = zip(*(by_index[index] for index in range(len(trajectories))), strict=True)
    of_values, of_reference, of_trainer = map(list, columns)
    return Scores(of_values, of_reference, of_trainer, states)


def _lengths(members: Sequence[Trajectory]) -> list[int]:
    return [len(member.log_probs) for member in members]


def _rows(tensor: torch.Tensor | None, members: Sequence[Trajectory]) -> list[np.ndarray]:
    """What was asked of policy tokens as one float64 array for each trajectory; empty ones for None."""
    if tensor is None:
        return [np.empty(0)] * len(members)
    return np.split(tensor.double().cpu().numpy(), np.cumsum(_lengths(members))[:-1])
