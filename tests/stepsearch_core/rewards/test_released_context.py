"""The released scores of whole trajectories: rendered, put onto tokens, and against what a policy was really
shown.
"""

from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import Action, ActionKind, InvalidReason, Passage, Turn
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.actions import PLAN
from stepsearch_core.environment.prompts import RELEASED
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import Params, RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.composition import token_rewards
from stepsearch_core.rewards.presets import scorer_and_weights
from stepsearch_core.rewards.released import ReleasedScorer, render, score_text
from tests import tiny
from tests.oracles import episodes

GOLDS = ["alpha beta", "gamma delta"]
KEYS = [["capital of france", "france capital"], ["population of paris"]]
ANSWER = "<answer>Paris</answer>"
WARNING = RELEASED.invalid_notice
PASSAGES = {
    name: Passage(name, name.upper(), text) for name, text in zip("abc", [*GOLDS, "eps zeta"], strict=True)
}
SHELF = cast(Corpus, SimpleNamespace(get=PASSAGES.__getitem__))
ASKED = episodes.question((["a"], KEYS[0]), (["b"], KEYS[1]))


def written(turn, text):
    return Turn(turn.action, text, turn.passage_ids)


def search(query, *passage_ids):
    return written(episodes.search(query, *passage_ids), f"<think> t </think> <search> {query} </search>")


ANSWERED = written(episodes.answer("Paris"), f"<think> t </think> {ANSWER}")
INVALID = Turn(Action.invalid(InvalidReason.NO_ACTION), "what now")


def scored_tokens(*turns):
    """The breakdown and the rewards on tokens, by the preset's weights."""
    params = RewardParams("released", "f1", "similarity", 0.1, 0.2, 0.3, 0.4)
    scorer, weights = scorer_and_weights(
        Params(reward=params), TfidfSimilarity.fit(PASSAGES.values()), {"q": ASKED}, SHELF
    )
    episode = episodes.trajectory(*turns)
    breakdown = scorer(episode)
    return breakdown, token_rewards(episode, breakdown, weights)


def test_a_trajectory_is_rendered_as_the_released_system_shows_it():
    text, starts = render(
        episodes.trajectory(search("x", "a", "b"), INVALID, ANSWERED), PASSAGES.__getitem__
    )
    shown = "Doc 1<## Title: A ##> alpha beta\nDoc 2<## Title: B ##> gamma delta\n"
    parts = [
        f"<think> t </think> <search> x </search>\n\n<information> {shown} </information>\n\n",
        f"what now{WARNING}",
        f"<think> t </think> {ANSWER}",
    ]
    assert text == "".join(parts)
    assert starts == [0, len(parts[0]), len(parts[0]) + len(parts[1])]


def test_whole_sample_on_tokens():
    turns = search("capital of France", "a", "b", "c"), search("Paris population", "b", "a", "c"), ANSWERED
    breakdown, rewards = scored_tokens(*turns)
    # 4 prompt tokens, then 3 policy tokens a turn with 2 environment tokens between: turns end at 6, 11, 16
    assert rewards.nonzero()[0].tolist() == [6, 11, 16]
    assert rewards[[6, 11, 16]].tolist() == pytest.approx([1.17177, -0.53333, 1.5562], abs=1e-5)
    assert breakdown.format_ok


def test_a_wrong_format_leaves_one_reward():
    breakdown, rewards = scored_tokens(search("capital of France", "a", "b", "c"), INVALID)
    assert (breakdown.answer, breakdown.search_key, breakdown.step_rewards) == (-1.0, 0.0, ())
    assert rewards.nonzero()[0].tolist() == [11]
    assert rewards[11] == -1.0


def test_after_a_warning_the_step_reward_sits_on_the_turn_before_it():
    breakdown, rewards = scored_tokens(INVALID, search("capital of France", "a", "b", "c"), ANSWERED)
    assert [reward.turn for reward in breakdown.step_rewards] == [0]
    assert rewards.nonzero()[0].tolist() == [6, 16]
    # searches "and", "capital of France": 1 and 0 for the two groups
    assert rewards[16] == pytest.approx(1 + 0.618 * 0.5)


def test_presets():
    paper = RewardParams()
    scorer, weights = scorer_and_weights(Params(reward=paper), TfidfSimilarity.fit([]), {}, SHELF)
    assert not isinstance(scorer, ReleasedScorer)
    assert weights is paper
    scorer, weights = scorer_and_weights(
        Params(reward=RewardParams("released")), TfidfSimilarity.fit([]), {}, SHELF
    )
    assert isinstance(scorer, ReleasedScorer)
    assert weights == RewardParams("released", "f1", "similarity", 1.0, 0.618, 1.6, 1.6)


BPE = tiny.tokenizer("bpe", prompt="released")
CASED = [Passage(passage.id, f"Title {rank}", passage.text) for rank, passage in enumerate(tiny.PASSAGES)]
SEARCHES = [PLAN.search_turn("", query, 1) for query in ("ada born", "where lies oslo", "capital")]
SHOWN = st.lists(st.sampled_from(CASED), max_size=3, unique=True)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([*SEARCHES, "and now"]), SHOWN), max_size=4))
def test_the_decoded_context_of_the_released_style_scores_as_the_scorer_does(script):
    limits = {"max_turn_tokens": 200, "max_observation_tokens": 500, "max_trajectory_tokens": 9000}
    renderer = Renderer(BPE, tiny.environment(prompt="released", max_searches=4, **limits))
    playing = Episode(tiny.ADA, 0, renderer)
    for text, found in script:
        action = playing.act(*renderer.written(text, playing.turn_tokens))
        playing.observe(found if action.kind is ActionKind.SEARCH else None)
    playing.act(*renderer.written(PLAN.answer_turn("", "norway"), playing.turn_tokens))
    made = playing.trajectory
    response = BPE.decode(made.token_ids[len(made.segments[0].token_ids) :])
    by_id = {passage.id: passage for passage in CASED}
    golds = [by_id[passage_id].text for passage_id in tiny.ADA.support_ids]
    keys = [hop.search_keys for hop in tiny.ADA.hops]
    shown = score_text(response, tiny.ADA.answers, golds, keys)
    scored = ReleasedScorer(TfidfSimilarity.fit(CASED), {"ada": tiny.ADA}, by_id.__getitem__)(made)
    assert (scored.answer, scored.search_key, scored.format_ok) == (1.0, shown.search_key, True)
    gains = [(reward.information_gain, reward.redundancy) for reward in shown.rounds]
    assert [(reward.information_gain, reward.redundancy) for reward in scored.step_rewards] == gains
    assert len(gains) >= len(made.searches)
