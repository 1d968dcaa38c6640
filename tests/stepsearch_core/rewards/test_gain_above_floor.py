import numpy as np
import pytest

from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.rewards.gain_above_floor import above_floor, floors_of
from tests.oracles.episodes import answer, question, search, trajectory


def test_cosines_count_from_the_floor_by_hand():
    counted = above_floor(np.array([[0.25, 0.5, 1.0], [0.2, 0.6, 1.0]]), np.array([0.5, 0.0]))
    assert counted.tolist() == [[0.0, 0.0, 1.0], [0.2, 0.6, 1.0]]
    assert above_floor(np.array([[0.9, 1.0]]), np.array([1.0])).tolist() == [[0.0, 0.0]]


def passage(title, text):
    return Passage(passage_id(title, text), title, text)


BORN, WORKED, LIVED = (
    passage("Ada", text) for text in ("ada was born in oslo", "ada worked in rome", "ada lived in paris")
)
LIES, OTHER = passage("Oslo", "oslo lies in norway"), passage("", "bob plays chess")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("floor")
    build_corpus([BORN, WORKED, LIVED, LIES, OTHER], folder)
    return Corpus.open(folder)


def test_the_floor_is_the_most_alike_of_the_others_of_its_title(corpus):
    similarity = TfidfSimilarity.fit(corpus)
    floors = floors_of(corpus, similarity, [BORN.id, LIES.id, OTHER.id, "0" * 16])
    beside = similarity.cosine([BORN.id], [WORKED.id, LIVED.id]).max()
    assert floors == {BORN.id: pytest.approx(beside), LIES.id: 0.0, OTHER.id: 0.0}
    assert beside > 0.05


def test_gold_passages_of_one_title_are_no_floor_of_each_other(corpus):
    similarity = TfidfSimilarity.fit(corpus)
    floors = floors_of(corpus, similarity, [BORN.id, WORKED.id])
    assert floors[BORN.id] == pytest.approx(similarity.cosine([BORN.id], [LIVED.id]).item())


def test_another_passage_about_the_right_entity_earns_nothing(corpus):
    similarity = TfidfSimilarity.fit(corpus)
    floors = floors_of(corpus, similarity, [BORN.id])
    asked = question(([BORN.id], []))
    made = trajectory(search("ada", WORKED.id), search("ada born", BORN.id), answer("x"))

    def gains(gain):
        return [step.information_gain for step in score(made, asked, similarity, gain, floors).step_rewards]

    beside, hit = gains("similarity")
    assert beside > 0.05
    assert beside + hit == pytest.approx(1.0)
    assert gains("above_floor") == [0.0, pytest.approx(1.0)]
    assert gains("supports") == [0.0, 1.0]


def test_ids_by_title(corpus):
    assert corpus.ids_by_title(["Ada", "Nobody", ""]) == {
        "Ada": [BORN.id, WORKED.id, LIVED.id],
        "Nobody": [],
        "": [],
    }
