"""A gain in likelihood: how much less surprising the gold answer became by what a search found.

After every search (and before the first one) the policy is asked how likely it would be to answer with the
gold answer right away, by forward passes alone. The gain of a search is the drop of the answer's negative
log-likelihood, in nats a token: evidence that the policy can read pays, whoever's evidence it is, and no
gold passages are needed. As IGPO (arXiv 2510.14967) has it, but for its probabilities, of which a rise from
.001 to .01 is next to nothing. A gain can be negative, and what the turn itself says of the answer is in it;
a search that showed nothing gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from stepsearch_core.base.ranks import world_size
from stepsearch_core.base.types import (
    ActionKind,
    Author,
    Question,
    RewardBreakdown,
    Segment,
    Trajectory,
)
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.distributed import gather, own_micro_batch
from stepsearch_core.training.learner import Learner


@dataclass(frozen=True, slots=True)
class LikelihoodGain:
    """Replaces the information gain of trajectories' rewards."""

    learner: Learner
    renderer: Renderer
    questions: Mapping[str, Question]
    temperature: float
    pad_token_id: int

    def __call__(
        self, trajectories: Sequence[Trajectory], breakdowns: Sequence[RewardBreakdown]
    ) -> list[RewardBreakdown]:
        """The rewards with these gains; every rank passes the same and gets all."""
        asked = [self._probes(trajectory) for trajectory in trajectories]
        likelihoods = iter(self._likelihoods([probe for probes in asked for probe in probes]))
        made = []
        for trajectory, breakdown, probes in zip(trajectories, breakdowns, asked, strict=True):
            gains = np.diff([next(likelihoods) for _ in probes])
            steps = zip(breakdown.step_rewards, gains.tolist(), strict=True)
            rewards = tuple(
                replace(reward, information_gain=gain if trajectory.turns[reward.turn].passage_ids else 0.0)
                for reward, gain in steps
            )
            made.append(replace(breakdown, step_rewards=rewards))
        return made

    def _probes(self, trajectory: Trajectory) -> list[Trajectory]:
        """The gold answer at once, and after each search; its tokens are the only ones of the policy."""
        question = self.questions[trajectory.question_id]
        searched = [-1] + [
            number for number, turn in enumerate(trajectory.turns) if turn.action.kind is ActionKind.SEARCH
        ]
        return [self._probe(trajectory, question, last) for last in searched]

    def _probe(self, trajectory: Trajectory, question: Question, last: int) -> Trajectory:
        grammar, renderer = self.renderer.style.grammar, self.renderer
        shown = len(trajectory.turns[last].passage_ids) if last >= 0 else 0
        opened = renderer.opened if last < 0 else ""
        turn = grammar.answer_turn("", question.answers[0], shown, opened)
        before, tag, answer = turn.partition("<answer>")
        context = [
            Segment(Author.ENVIRONMENT, 0, segment.token_ids)
            for segment in trajectory.segments
            if segment.author is Author.PROMPT or segment.turn <= last
        ]
        asked = Segment(Author.ENVIRONMENT, 0, renderer.encode(before + tag))
        ids = renderer.encode(answer)
        return Trajectory(
            trajectory.question_id, 0, [*context, asked, Segment(Author.POLICY, 0, ids, [0.0] * len(ids))]
        )

    @torch.no_grad()
    def _likelihoods(self, probes: Sequence[Trajectory]) -> list[float]:
        """Mean log-probability of each one's answer, closing tag included, in nats a token."""
        scored: list[tuple[int, float]] = []
        for group in micro_batches(probes, self.learner.params.micro_batch_tokens, world_size()):
            mine, weight = own_micro_batch(group)
            members = [probes[index] for index in mine]
            outputs = self.learner.outputs(
                token_batch(members, self.pad_token_id), self.temperature, with_entropy=False
            )
            if weight:
                parts = outputs.log_probs.float().cpu().split([len(member.log_probs) for member in members])
                scored += [(index, float(part.mean())) for index, part in zip(mine, parts, strict=True)]
        by_index = dict(gather(scored))
        return [by_index[index] for index in range(len(probes))]
