"""The two ways to score a trajectory: what `reward.preset` names, with the weights that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from stepsearch_core.base.types import Passage, Question
from stepsearch_core.params import RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.released import KEY_WEIGHT, STEP_WEIGHT, ReleasedScorer


def scorer_and_weights(
    params: RewardParams,
    similarity: TfidfSimilarity,
    questions: Mapping[str, Question],
    passages: Callable[[str], Passage],
) -> tuple[Scorer, RewardParams]:
    """The scorer that training uses and the weights `composition` puts on its terms.

    `paper` has those of `params`, `released` its own, whatever `params` says. Evaluation always scores by
    `paper`.
    """
    if params.preset == "paper":
        return Scorer(similarity, questions), params
    released = replace(
        params,
        answer_weight=1.0,
        search_key_weight=KEY_WEIGHT,
        information_gain_weight=STEP_WEIGHT,
        redundancy_weight=STEP_WEIGHT,
    )
    return ReleasedScorer(similarity, questions, passages), released
