"""The two ways to score a trajectory: what `reward.preset` names, with the weights that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stepsearch_core.base.types import Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params, RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.gain_above_floor import floors_of
from stepsearch_core.rewards.released import KEY_WEIGHT, STEP_WEIGHT, ReleasedScorer
from stepsearch_core.rewards.terms import load_terms


def scorer_and_weights(
    params: Params,
    similarity: TfidfSimilarity,
    questions: Mapping[str, Question],
    corpus: Corpus,
) -> tuple[Scorer, RewardParams]:
    """The scorer that training uses and the weights `composition` puts on its terms.

    `paper` has those of the section `reward`, `released` its own, whatever that says. Evaluation always
    scores by `paper` with its gain.

    Raises:
        DataError: `reward.terms` names what cannot be imported.
    """
    terms = load_terms(params.reward.terms, params, corpus.get)
    reward = params.reward
    if reward.preset == "paper":
        floors = None
        if reward.gain == "above_floor":
            gold = (pid for question in questions.values() for pid in question.support_ids)
            floors = floors_of(corpus, similarity, gold)
        return Scorer(similarity, questions, reward.gain, floors, terms, answer=reward.answer), reward
    released = replace(
        reward,
        answer_weight=1.0,
        search_key_weight=KEY_WEIGHT,
        information_gain_weight=STEP_WEIGHT,
        redundancy_weight=STEP_WEIGHT,
    )
    return ReleasedScorer(similarity, questions, corpus.get, terms), released
