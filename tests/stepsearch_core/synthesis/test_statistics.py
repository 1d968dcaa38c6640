from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.statistics import (
    by_dataset,
    by_reward,
    describe_relations,
    describe_trajectories,
    reward_shares,
)
from stepsearch_core.synthesis.trajectories import AnswerTurn, SearchTurn, WarmstartTrajectory


def question(name, dataset="qa", hops=2):
    return Question(name, dataset, "train", "?", ("x",), (Hop("?", "x"),) * hops)


def test_questions_by_where_they_come_from():
    read = [question("1"), question("2"), question("3", "linked")]
    assert by_dataset(read, read[:1]) == {"linked": {"read": 1, "kept": 0}, "qa": {"read": 2, "kept": 1}}


def test_the_first_twenty_relations_are_examples():
    described = describe_relations({f"r{number}": ("a", "b") for number in range(30)})
    assert described["with_mined_words"] == 30
    assert list(described["examples"]) == [f"r{number}" for number in range(20)]
    assert described["examples"]["r0"] == ["a", "b"]


def test_trajectories_by_the_hops_of_their_questions():
    def made(name, searches, attempt):
        searched = (SearchTurn("", "q", ()),) * searches
        return WarmstartTrajectory(name, (*searched, AnswerTurn("", "x")), attempt)

    questions = [question("1", hops=3), question("2")]
    described = describe_trajectories([made("1", 4, 1), made("2", 2, 1), made("2", 3, 5)], questions)
    assert described["all"] == {"count": 3, "first_attempts": 2 / 3, "searches": 3.0}
    assert described["2_hops"] == {"count": 2, "first_attempts": 0.5, "searches": 2.5}
    assert described["3_hops"] == {"count": 1, "first_attempts": 1.0, "searches": 4.0}
    assert describe_trajectories([], questions) == {}


def test_questions_by_what_they_are_rewarded_for():
    supported = Question("3", "qa", "train", "?", ("x",), (Hop("", "", ("p",)),))
    whole = Question("4", "qa", "train", "?", ("x",), (Hop("?", "x", ("p",)),))
    asked = [question("1", hops=0), supported, whole, whole]
    assert by_reward(asked) == {
        "keys, gain and answer": 2,
        "gain and answer": 1,
        "answer": 1,
    }
    assert (
        reward_shares(asked, True)
        == "50.0% by keys, gain and answer, 25.0% by gain and answer, 25.0% by answer"
    )
    assert reward_shares(asked, False) == "100.0% by answer"
