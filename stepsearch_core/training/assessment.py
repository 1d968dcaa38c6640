"""From a step's trajectories to what is learnt from them: scored, masked, rewarded, credited."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stepsearch_core.base.types import Trajectory
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.distributed import gather, own_items
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.training.algorithms.algorithm import Rows, ScoredBatch
from stepsearch_core.training.credit import Crediting
from stepsearch_core.training.evidence import turns_and_evidence
from stepsearch_core.training.experience import Experience, judged, subtract_kl
from stepsearch_core.training.knowledge import Knowledge
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.likelihood_gain import LikelihoodGain
from stepsearch_core.training.mismatch import (
    MismatchError,
    MismatchGuard,
    importance_weights,
    mismatch,
    within_sequence_limit,
)
from stepsearch_core.training.scoring import Scores, score


class Assessor:
    """Makes experience of trajectories that may be learnt from."""

    def __init__(
        self,
        learner: Learner,
        scorer: Scorer,
        crediting: Crediting,
        knowledge: Knowledge | None,
        *,
        temperature: float,
        pad_token_id: int,
        importance_sampled: bool,
        renderer: Renderer | None = None,
    ) -> None:
        """Assess with what a run has.

        Args:
            learner: is asked for values and log-probabilities.
            scorer: of rewards.
            crediting: weighs them and gives credit.
            knowledge: what an informed critic is told; None for any other.
            temperature: of sampling.
            pad_token_id: for padding.
            importance_sampled: whether ratios are against the trainer's log-probabilities, weighed.
            renderer: where searches gain by the gold answer's likelihood, writes it; None where they do not.
        """
        params = learner.params
        self._learner, self._scorer, self._crediting, self._knowledge = learner, scorer, crediting, knowledge
        self._temperature, self._pad_token_id = temperature, pad_token_id
        self._cap = params.importance_cap if importance_sampled else None
        self._params = params
        self._gains = None
        if renderer is not None:
            self._gains = LikelihoodGain(learner, renderer, scorer.questions, temperature, pad_token_id)
        self.mismatch = MismatchGuard(params.max_mismatch, learner.policy.dtype, params.on_mismatch)

    def __call__(self, trajectories: Sequence[Trajectory]) -> tuple[Experience, dict[str, float]]:
        """Experience, the same on every rank but for its states, and how far apart sampler and trainer are.

        Raises:
            TermsError: too few of them have a reward.
            MismatchError: sampler and trainer differ too much, or have for too long.
        """
        params = self._params
        scored = gather(self._scorer.with_terms(trajectories[own_items()]))
        sampled = len(trajectories)
        trajectories, breakdowns = judged(trajectories, scored, params.min_survivors)
        known = [self._known(trajectory) for trajectory in trajectories]
        sampler = [np.array(trajectory.log_probs) for trajectory in trajectories]
        scores, kept, figures = self._measured(trajectories, known, sampler)
        figures["unjudged"] = sampled - len(trajectories)
        trajectories = [trajectories[index] for index in kept]
        breakdowns = [breakdowns[index] for index in kept]
        sampler, known = ([rows[index] for index in kept] for rows in (sampler, known))
        if self._gains is not None:
            breakdowns = self._gains(trajectories, breakdowns)
        rewards = [self._crediting.rewards(*pair) for pair in zip(trajectories, breakdowns, strict=True)]
        if params.kl_placement == "reward" and self._learner.has_reference:
            rewards = subtract_kl(
                rewards, sampler, scores.reference, params.kl_coefficient, params.kl_estimator
            )
        turns, evidence = turns_and_evidence(trajectories, self._scorer.questions)
        ids = [trajectory.question_id for trajectory in trajectories]
        batch = ScoredBatch(ids, rewards, scores.values, turns, evidence)
        advantages, returns = self._crediting.assign(batch)
        made = Experience(
            trajectories=list(trajectories),
            breakdowns=breakdowns,
            old_log_probs=sampler if self._cap is None else scores.trainer,
            importance=importance_weights(sampler, scores.trainer, self._cap),
            rewards=rewards,
            old_values=scores.values,
            reference_log_probs=scores.reference,
            advantages=advantages,
            returns=returns,
            known=known,
            states=scores.states,
        )
        return made, figures

    def _measured(
        self, trajectories: Sequence[Trajectory], known: Rows, sampler: Rows
    ) -> tuple[Scores, list[int], dict[str, float]]:
        """Scores of the trajectories that are near enough to what was sampled, which they are, and gaps."""
        params = self._params
        scores = self._score(trajectories, known)
        within = self.mismatch.within(trajectories, scores.trainer)
        if not within and not all(map(len, scores.trainer)):
            scores = self._score(trajectories, known, everything=True)
        figures = mismatch(sampler, scores.trainer)
        kept = within_sequence_limit(sampler, scores.trainer, params.sequence_ratio_limit)
        if not within:
            kept = [
                index for index in self.mismatch.kept(trajectories, scores.trainer) if index in set(kept)
            ]
        figures["mismatch/masked"] = len(trajectories) - len(kept)
        figures["mismatch/steps_beyond"] = self.mismatch.steps_beyond
        if not kept:
            raise MismatchError(
                "every trajectory is beyond train.sequence_ratio_limit: there is nothing to learn from"
            )
        return scores.of(kept), kept, figures

    def _score(self, trajectories: Sequence[Trajectory], known: Rows, everything: bool = False) -> Scores:
        return score(
            self._learner,
            trajectories,
            known,
            terms=self._crediting.terms,
            temperature=self._temperature,
            pad_token_id=self._pad_token_id,
            everything=(
                everything or self._cap is not None or self._params.sequence_ratio_limit is not None
            ),
        )

    def _known(self, trajectory: Trajectory) -> np.ndarray:
        """What an informed critic is told of a trajectory; nothing without one."""
        if self._knowledge is None:
            return np.empty((len(trajectory.log_probs), 0), dtype=np.float32)
        return self._knowledge(trajectory)
