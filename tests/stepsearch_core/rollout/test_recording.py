import json
from dataclasses import replace

import pytest

from stepsearch_core.base.types import Passage, RewardBreakdown, StepReward, StopReason, Trajectory
from stepsearch_core.metrics.measures import EVALUATED, Rules
from stepsearch_core.rollout.recording import mean_record, record
from tests.oracles.episodes import answer, invalid, question, search, trajectory

PASSAGES = {pid: Passage(pid, pid.upper(), f"text of {pid}") for pid in ("g1", "g2", "x")}
ASKED = question((["g1"], ["key"]), (["g2"], []), answers=("Paris", "City of Paris"))


def recorded(*turns, step_rewards=(), reason=StopReason.ANSWERED, asked=ASKED):
    played = trajectory(*turns)
    played.stop_reason = reason
    breakdown = RewardBreakdown(0.8, 0.4, tuple(step_rewards), True)
    return record(played, asked, breakdown, PASSAGES.__getitem__, Rules())


def made(*turns, **how):
    """The record as it stands in a file."""
    return recorded(*turns, **how).to_json()


def test_a_whole_record_by_hand():
    step_rewards = [StepReward(0, 0.5, 0.0), StepReward(2, 0.25, 0.5)]
    row = made(
        search("first", "g1", "x"),
        invalid(),
        search("second", "x", "g2"),
        answer("the Paris city"),
        step_rewards=step_rewards,
    )
    turns = row.pop("turns")
    assert row == {
        "id": "q",
        "dataset": "musique",
        "question": "which city?",
        "answers": ["Paris", "City of Paris"],
        "prediction": "the Paris city",
        "em": 0.0,
        "f1": pytest.approx(0.8),  # paris, city against city, of, paris: 2 * 2 / 5
        "cover_em": 1.0,
        "searches": 2,
        "redundancy": pytest.approx(0.25),
        "support_recall": 1.0,
        "support_precision": pytest.approx(2 / 3),
        "over_search": 0,
        "under_search": 0.0,
        "written_tokens": 4 * 3,
        "format_valid": 1.0,
        "invalid_turns": 0.25,
        "hidden_passages": 0.0,
        "cut_passages": 0.0,
        "prompt_too_long": 0.0,
        "stop_reason": "answered",
        "response_length": 4 * 3 + 3 * 2,
        "support_ids": ["g1", "g2"],
        "hops": [{"sub_question": "who?", "sub_answer": "x", "support_ids": [one]} for one in ("g1", "g2")],
        "rewards": {"answer": 0.8, "search_key": 0.4},
    }
    assert [(turn["action"], turn["query"]) for turn in turns] == [
        ("search", "first"),
        ("invalid", None),
        ("search", "second"),
        ("answer", None),
    ]
    assert [(turn["information_gain"], turn["redundancy"]) for turn in turns] == [
        (0.5, 0.0),
        (None, None),
        (0.25, 0.5),
        (None, None),
    ]
    assert [turn["reason"] for turn in turns] == [None, "not one action after the reasoning", None, None]
    assert turns[0]["passages"] == [
        {"id": "g1", "title": "G1", "text": "text of g1", "gold": True, "repeated": False, "cut": False},
        {"id": "x", "title": "X", "text": "text of x", "gold": False, "repeated": False, "cut": False},
    ]
    assert [(p["id"], p["gold"], p["repeated"]) for p in turns[2]["passages"]] == [
        ("x", False, True),
        ("g2", True, False),
    ]


def test_every_metric_is_there_and_the_record_is_json():
    row = made(search("first", "g1"), answer("Paris"))
    assert set(EVALUATED) <= row.keys()
    assert all(isinstance(row[name], (int, float)) for name in EVALUATED)
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert (row["em"], row["f1"], row["format_valid"], row["support_recall"]) == (1.0, 1.0, 1.0, 0.5)


def test_no_answer_and_no_supports():
    row = made(invalid(), reason=StopReason.TURN_LIMIT, asked=replace(ASKED, hops=()))
    assert (row["prediction"], row["em"], row["f1"]) == (None, 0.0, 0.0)
    assert row["support_recall"] is None
    assert (row["support_ids"], row["hops"]) == ([], [])
    assert row["stop_reason"] == "turn_limit"


def test_a_question_that_was_never_asked_has_a_record_and_counts_as_wrong():
    unasked = Trajectory("q", 0, stop_reason=StopReason.PROMPT_TOO_LONG)
    nothing = RewardBreakdown(0.0, 0.0, (), False)
    row = record(unasked, ASKED, nothing, PASSAGES.__getitem__, Rules()).to_json()
    assert (row["prediction"], row["em"], row["f1"], row["support_recall"]) == (None, 0.0, 0.0, 0.0)
    assert (row["stop_reason"], row["turns"], row["response_length"]) == ("prompt_too_long", [], 0)


def test_what_was_cut_and_what_was_not_shown():
    row = made(replace(search("first", "g1", "x"), cut_ids=("x",), hidden_ids=("g2",)), answer("Paris"))
    assert [passage["cut"] for passage in row["turns"][0]["passages"]] == [False, True]
    assert row["turns"][0]["hidden_ids"] == ["g2"]
    assert (row["hidden_passages"], row["cut_passages"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert row["support_recall"] == 0.5


def test_a_passage_twice_in_one_round_is_not_repeated():
    row = made(search("first", "x", "x"), answer("Paris"))
    assert [passage["repeated"] for passage in row["turns"][0]["passages"]] == [False, False]


def test_samples_of_a_question_are_one_record_with_the_means_of_the_measures():
    right, wrong = recorded(search("first", "g1"), answer("Paris")), recorded(answer("Rome"))
    unmeasured = recorded(answer("Paris"), asked=replace(ASKED, id="other", hops=()))
    first = mean_record([right, wrong, wrong])
    means = first.measures
    assert (means["em"], means["searches"], means["support_recall"]) == tuple(
        pytest.approx(x / 3) for x in (1, 1, 0.5)
    )
    assert first == replace(right, measures=means, samples=3)  # the rest is the first one's
    second = mean_record([unmeasured, unmeasured])
    assert (second.measures["em"], second.measures["support_recall"], second.samples) == (1.0, None, 2)
    assert mean_record([wrong]) is wrong
