from stepsearch_core.base.types import Passage
from stepsearch_core.params import TrainParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.training.opening import KeptRecords
from tests.oracles.episodes import answer, question, search, trajectory

PASSAGES = {name: Passage(name, name, f"text of {name}") for name in ("gold", "other")}
PARAMS = TrainParams(validate_every=10, logged_trajectories=2)


def kept(step):
    scorer = Scorer(TfidfSimilarity.fit(PASSAGES.values()), {"q": question((["gold"], ["key"]))})
    played = [trajectory(search("key", "gold"), answer(text)) for text in ("Paris", "Rome", "Paris")]
    return KeptRecords(PARAMS, scorer, PASSAGES.__getitem__)(step, played)


def test_the_first_step_and_those_with_a_validation_are_kept():
    assert {step for step in range(1, 31) if kept(step)} == {1, 10, 20, 30}


def test_so_many_records_with_the_number_of_their_step():
    rows = kept(20)
    assert [(row["step"], row["prediction"], row["f1"]) for row in rows] == [
        (20, "Paris", 1.0),
        (20, "Rome", 0.0),
    ]
    assert [turn["information_gain"] for turn in rows[0]["turns"]] == [1.0, None]
