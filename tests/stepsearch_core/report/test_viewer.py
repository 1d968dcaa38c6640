import base64
import gzip
import json
from collections import Counter

import pytest

from stepsearch_core.report.cases import choose_cases, outcome_of
from stepsearch_core.report.inputs import read_inputs
from stepsearch_core.report.trajectories import KeptTrajectory, Tokens
from stepsearch_core.report.viewer import make_viewer, scales, turn_rewards
from tests.report_data import BENCHMARKS, EXACT, record_of


def unpack(viewer, name):
    return json.loads(gzip.decompress(base64.b64decode(viewer.chunks[name])))


def kept_with(step, **values):
    return KeptTrajectory(step, record_of(step), Tokens((), values))


@pytest.fixture
def inputs(data):
    return read_inputs(data)


@pytest.fixture
def viewer(inputs):
    return make_viewer(inputs.records, inputs.training.kept, 1.0)


def test_everything_is_embedded_where_it_fits(viewer):
    assert viewer.index["evaluated"] == [8, 8]
    assert viewer.index["kept"] == [4, 4]
    assert viewer.index["policies"] == ["warmstart", "trained", "gold_questions"]
    assert viewer.index["compared"] == ["warmstart", "trained"]
    assert viewer.index["steps"] == [1, 10]
    assert sorted(viewer.chunks) == [
        *("evaluated/0", "evaluated/1", "evaluated/2", "evaluated/passages", "evaluated/questions"),
        *("training/1", "training/10", "training/passages"),
    ]


def test_answers_stand_in_the_order_of_the_questions(viewer):
    questions = unpack(viewer, "evaluated/questions")
    assert [(row["benchmark"], row["id"]) for row in questions] == [
        (benchmark, f"{benchmark}-{number}") for benchmark in BENCHMARKS for number in range(4)
    ]
    for number, exact in enumerate(EXACT.values()):
        assert [row["em"] for row in unpack(viewer, f"evaluated/{number}")] == 2 * list(exact)


def test_a_question_that_a_policy_was_not_asked_is_null(inputs):
    del inputs.records["gold_questions"]["musique"]["musique-1"]
    rows = unpack(make_viewer(inputs.records, (), 1.0), "evaluated/2")
    assert [row is None for row in rows] == [False, True, *6 * [False]]


def test_trajectories_of_training_have_tokens_where_they_were_kept(viewer):
    first, second = unpack(viewer, "training/10")
    assert first["tokens"]["advantage"] == [0.5, -1.0, 0.25, 2.0, -0.125]
    assert first["question"]["id"] == "musique-0"
    assert "tokens" not in second


def many(count):
    """Two policies' records of `count` questions; every eighth is one that training made right."""
    before = {f"q{number}": record_of(number, id=f"q{number}", em=0.0) for number in range(count)}
    after = {
        name: record_of(number, id=name, em=float(number % 8 == 0)) for number, name in enumerate(before)
    }
    return {"warmstart": {"musique": before}, "trained": {"musique": after}}


@pytest.mark.slow
def test_what_does_not_fit_is_drawn_equally_many_of_each_outcome():
    records = many(4_000)
    viewer = make_viewer(records, (), 0.005)
    shown, of = viewer.index["evaluated"]
    assert of == 4_000
    assert 100 < shown < 1_000
    assert sum(map(len, viewer.chunks.values())) <= 5_000
    questions = unpack(viewer, "evaluated/questions")
    outcomes = Counter(
        outcome_of(*(records[policy]["musique"][row["id"]] for policy in records)) for row in questions
    )
    assert len(questions) == shown
    assert outcomes == {"fixed": (shown + 1) // 2, "failed": shown // 2} or outcomes == {
        "fixed": shown // 2,
        "failed": (shown + 1) // 2,
    }
    assert make_viewer(records, (), 0.005) == viewer
    assert make_viewer(records, (), 0.005, seed=1) != viewer
    cases = {case.id for case in choose_cases(records, 24)}
    assert cases <= {row["id"] for row in questions}  # of the same draws


def test_training_leaves_half_to_what_was_evaluated(inputs):
    kept = [
        kept_with(step, reward=tuple(number / 7 for number in range(step, 200))) for step in (1, 2, 1, 2)
    ]
    viewer = make_viewer(inputs.records, kept, 0.004)
    assert viewer.index["kept"][0] < 4
    assert viewer.index["evaluated"] == [8, 8]
    assert sum(map(len, viewer.chunks.values())) <= 4_000


def test_nothing_is_embedded_where_nothing_may_be(inputs):
    viewer = make_viewer(inputs.records, inputs.training.kept, 0.0)
    assert viewer.chunks == {}
    assert (viewer.index["evaluated"], viewer.index["kept"], viewer.index["steps"]) == ([0, 8], [0, 4], [])


def test_the_first_of_every_step_come_first():
    kept = [kept_with(step, reward=(float(step),)) for step in (1, 1, 1, 5, 5)]
    viewer = make_viewer({"mine": {}}, kept, 0.0022)
    assert viewer.index["kept"] == [4, 5]
    assert [len(unpack(viewer, f"training/{step}")) for step in (1, 5)] == [2, 2]


def test_scales_ignore_zeros_and_a_few_outliers():
    rewards = (0.0, *(number / 100 for number in range(1, 101)), 0.0)
    found = scales(
        [
            kept_with(1, reward=rewards, log_prob=(-5.0,)),
            kept_with(2, advantage=(-2.0, -2.0), reward=(None,)),
        ]
    )
    # the 98th percentile of .01, .02, .., 1: .01 + .98 * .99
    assert found == {
        "reward": {"limit": 0.98, "signed": False},
        "advantage": {"limit": 2.0, "signed": True},
    }
    assert scales([kept_with(1, value=(0.0, 0.0))]) == {"value": {"limit": 0.0, "signed": False}}
    assert scales([]) == {}


def test_rewards_of_an_evaluated_answer():
    assert turn_rewards(record_of(rewards={"answer": 0.75, "search_key": 0.5})) == [0.25, 1.25]


def test_the_scale_of_turns_is_that_of_all_answers(viewer):
    # each policy's eight: .25 of a search, .5 or 1.5 of an answer, which is right in 16 of 24
    assert viewer.index["turn_scale"] == {"limit": 1.5, "signed": False}
