"""Records of what a run samples on its way, with what the update was told of every token.

A record is that of an evaluated question (`rollout.records`) with its training step, and under `tokens` the
trajectory as the policy saw it: the text of each token after the prompt and, of each that the policy wrote,
its reward, advantage, value, log-probability, and how far that is from the
start's. The report colours tokens by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from stepsearch_core.base.types import Author, Passage, Trajectory
from stepsearch_core.metrics.measures import Rules
from stepsearch_core.params import TrainParams
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rollout.recording import record
from stepsearch_core.training.credit import Crediting
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.losses import kl_estimate

DIGITS = 4
"""Behind the point, of what is kept of a token."""
REPLACED = "\ufffd"
"""What bytes decode to that are no whole character."""


class KeptRecords:
    """Records of the first trajectories of the first training step and of every one with a validation."""

    def __init__(
        self,
        params: TrainParams,
        scorer: Scorer,
        crediting: Crediting,
        passage: Callable[[str], Passage],
        decode: Callable[[Sequence[int]], str],
        *,
        has_reference: bool,
    ) -> None:
        """Keep records with what a run has.

        Args:
            params: says which steps, and how many trajectories of each.
            scorer: of rewards.
            crediting: weighs them.
            passage: gives the passage of an id.
            decode: gives the text of token ids.
            has_reference: whether there are log-probabilities of the start.
        """
        self.params = params
        self.scorer = scorer
        self.crediting = crediting
        self.passage = passage
        self.decode = decode
        self.has_reference = has_reference
        self.rules = Rules(scorer.segment)

    def __call__(
        self, step: int, trajectories: Sequence[Trajectory], experience: Experience
    ) -> list[dict[str, Any]]:
        """The records of a training step (from 1), each with its number; none of a step that is not kept.

        Trajectories that nothing was learnt from have no `tokens`.
        """
        if step != 1 and step % self.params.validate_every:
            return []
        places = {id(made): place for place, made in enumerate(experience.trajectories)}
        kept = trajectories[: self.params.logged_trajectories]
        return [
            {"step": step, **self._record(made), **self._tokens(experience, places.get(id(made)))}
            for made in kept
        ]

    def _record(self, trajectory: Trajectory) -> dict[str, Any]:
        question = self.scorer.questions[trajectory.question_id]
        return record(trajectory, question, self.scorer(trajectory), self.passage, self.rules).to_json()

    def _tokens(self, experience: Experience, place: int | None) -> dict[str, Any]:
        """`{"tokens": ...}` of a trajectory of the experience."""
        if place is None:
            return {}
        segments = [
            {
                "turn": segment.turn,
                "author": segment.author.value,
                "texts": token_texts(segment.token_ids, self.decode),
            }
            for segment in experience.trajectories[place].segments
            if segment.author is not Author.PROMPT
        ]
        rows = {
            "reward": self.crediting.weighed(experience.rewards[place]),
            "advantage": experience.advantages[place],
            "log_prob": experience.old_log_probs[place],
        }
        if self.crediting.algorithm.critic:
            rows["value"] = self.crediting.weighed(experience.old_values[place])
        if self.has_reference:
            own, start = (
                torch.from_numpy(np.asarray(row[place], dtype=np.float64))
                for row in (experience.old_log_probs, experience.reference_log_probs)
            )
            rows["log_ratio"] = (own - start).numpy()
            rows["kl"] = kl_estimate(own, start, self.params.kl_estimator).numpy()
        rounded = {name: np.round(row, DIGITS).tolist() for name, row in rows.items()}
        return {"tokens": {"segments": segments, **rounded}}


def token_texts(token_ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[str]:
    """The text of each token; of a character of several tokens the last one has it."""
    texts, begun = [], 0
    for end in range(1, len(token_ids) + 1):
        text = decode(token_ids[begun:end])
        whole = not text.endswith(REPLACED) or end == len(token_ids)
        texts.append(text if whole else "")
        begun = end if whole else begun
    return texts
