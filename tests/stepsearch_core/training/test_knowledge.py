import numpy as np
import pytest

from stepsearch_core.base.types import Passage
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.training.knowledge import FEATURES, Knowledge
from tests.oracles.episodes import answer, invalid, question, search, trajectory

PASSAGES = {
    name: Passage(name, "", text)
    for name, text in {
        "g1": "ada was born in oslo",
        "g2": "oslo lies in norway",
        "x": "bob plays chess",
        "y": "dora plays chess in oslo",
    }.items()
}
SIMILARITY = TfidfSimilarity.fit(PASSAGES.values())


def known(made, asked, max_searches=4):
    scorer = Scorer(SIMILARITY, {"q": asked})
    rows = Knowledge(scorer, PASSAGES.__getitem__, max_searches)(made)
    return [dict(zip(FEATURES, row.tolist(), strict=True)) for row in rows]


def two_hops():
    return question((["g1"], ["ada born"]), (["g2"], ["oslo lies"]), answers=("norway",))


def test_what_is_known_before_each_turn_by_hand():
    made = trajectory(search("ada born", "g1", "x"), invalid(), search("oslo", "x", "g2"), answer("norway"))
    rows = known(made, two_hops())
    assert len(rows) == 12  # three policy tokens a turn
    assert rows[0] == rows[1] == rows[2]
    start, after_one, still, after_two = rows[0], rows[3], rows[6], rows[9]
    assert start == pytest.approx(
        {
            "hops": 0.2,
            "hops_left": 0.2,
            "turn": 0.0,
            "searches_left": 0.4,
            "gold_found": 0.0,
            "gold_missing": 0.2,
            "hops_in_order": 0.0,
            "last_hop_found": 0.0,
            "similarity": 0.0,
            "answers_seen": 0.0,
            "answer_seen": 0.0,
            "keys_matched": 0.0,
            "passages_repeated": 0.0,
        }
    )
    other = SIMILARITY.cosine(["g2"], ["g1", "x"]).max()
    assert after_one == pytest.approx(
        start
        | {
            "hops_left": 0.1,
            "turn": 0.1,
            "searches_left": 0.3,
            "gold_found": 0.1,
            "gold_missing": 0.1,
            "hops_in_order": 0.1,
            "similarity": (1 + other) / 2,
            "keys_matched": 0.5,
        },
        abs=1e-6,
    )
    assert still == pytest.approx(after_one | {"turn": 0.2})  # a turn without a valid action finds nothing
    assert after_two == pytest.approx(
        still
        | {
            "hops_left": 0.0,
            "turn": 0.3,
            "searches_left": 0.2,
            "gold_found": 0.2,
            "gold_missing": 0.0,
            "hops_in_order": 0.2,
            "last_hop_found": 1.0,
            "similarity": 1.0,
            "answer_seen": 1.0,
            "keys_matched": (1 + 2 / 3) / 2,
            "passages_repeated": 0.1,
        },
        abs=1e-6,
    )


def test_it_says_nothing_of_what_a_turn_itself_will_find():
    """A baseline may depend on what was there before the action alone."""
    hit, miss = (known(trajectory(search("a", found)), two_hops()) for found in ("g1", "x"))
    assert hit == miss


def test_a_question_of_which_nothing_is_known():
    rows = known(trajectory(search("a", "x"), answer("b")), question(answers=("chess",)))
    assert rows[-1]["answer_seen"] == 1.0
    assert rows[-1]["gold_found"] == rows[-1]["gold_missing"] == rows[-1]["similarity"] == 0.0


@pytest.mark.parametrize("answers", [("nor",), ("",), ("the",)])
def test_an_answer_is_seen_in_whole_words(answers):
    rows = known(trajectory(search("a", "g2"), answer("b")), question((["g2"], []), answers=answers))
    assert rows[-1]["answer_seen"] == 0.0


def test_features_are_as_many_as_their_names_and_small():
    made = trajectory(*[search("a", "x", "y")] * 5)
    scorer = Scorer(SIMILARITY, {"q": two_hops()})
    rows = Knowledge(scorer, PASSAGES.__getitem__, 5)(made)
    assert rows.shape == (15, len(FEATURES))
    assert rows.dtype == np.float32
    assert np.abs(rows).max() <= 1.0
