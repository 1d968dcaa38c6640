from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.params import GuardParams, TrainParams
from stepsearch_core.training.guard import WATCHES, CollapseError, Guard
from stepsearch_core.training.loop import train
from tests import tiny
from tests.stepsearch_core.training.trainers import QUESTIONS, WORD, trainer

OFF = GuardParams(patience=3)


@pytest.fixture
def folder(tmp_path):
    with RunFolder(tmp_path, {}, []) as taken:
        yield taken


def save(folder, step, keep_before=()):
    folder.save(step, lambda temporary: temporary.mkdir(), {}, keep_before)


def rows(metric, values, first=1):
    """Rows of consecutive steps; None: a row without the metric."""
    return [
        {"step": step} | ({} if value is None else {metric: value})
        for step, value in enumerate(values, start=first)
    ]


def stops_at(guard, rows):
    """The step at which the guard stops, and what it says; None if it lets all pass."""
    for row in rows:
        try:
            guard.check([row])
        except CollapseError as error:
            return row["step"], str(error)
    return None


def test_every_limit_is_watched():
    assert {watch.parameter for watch in WATCHES} == {f.name for f in fields(GuardParams)} - {"patience"}


@pytest.mark.parametrize(
    ("limit", "metric", "fine", "beyond"),
    [
        ({"min_entropy": 0.5}, "entropy", 0.5, 0.499),
        ({"max_kl": 0.1}, "kl_reference", 0.1, 0.101),
        ({"max_response_length": 90}, "response_length", 90, 91),
        ({"min_searches": 1.0}, "searches", 1.0, 0.99),
        ({"min_format_valid": 0.8}, "format_valid", 0.8, 0.79),
        ({"max_grad_norm": 10}, "grad_norm", 10, 10.5),
    ],
)
def test_a_limit_holds_on_its_side_and_a_value_at_it_is_fine(folder, limit, metric, fine, beyond):
    def guard():
        return Guard(replace(OFF, **limit), folder)

    assert stops_at(guard(), rows(metric, [fine] * 10)) is None
    # never three in a row
    assert stops_at(guard(), rows(metric, [fine, beyond, beyond, fine, beyond, beyond])) is None
    step, message = stops_at(guard(), rows(metric, [beyond, beyond, fine, beyond, beyond, beyond]))
    assert step == 6
    assert f"{metric} " in message
    assert f"watch.guard.{next(iter(limit))} = " in message
    assert stops_at(Guard(OFF, folder), rows(metric, [beyond] * 10)) is None  # no limit, no stop


def test_the_message_has_the_evidence_the_checkpoint_and_what_helps(folder):
    guard = Guard(GuardParams(patience=3, min_searches=1.0), folder)
    save(folder, 2)
    step, message = stops_at(guard, rows("searches", [2.0, 1.5, 0.875, 0.25, 0.1234567]))
    assert step == 5
    assert (
        message == "the policy collapses: searches below watch.guard.min_searches = 1 for 3 steps in a row:"
        " 0.875 (step 3), 0.25 (step 4), 0.1235 (step 5); last checkpoint before them: step 2,"
        f" {folder.path}/step_000002; lower reward.redundancy_weight or train.learning_rate; or move"
        " watch.guard.min_searches (null: no limit) to go on from the last checkpoint"
    )


def test_without_a_checkpoint_before_the_message_says_none(folder):
    guard = Guard(GuardParams(patience=2, max_kl=0.1), folder)
    save(folder, 1)  # not before the first step beyond the limit, but at it
    assert "last checkpoint before them: none;" in stops_at(guard, rows("kl_reference", [0.2, 0.3]))[1]


def test_a_row_without_the_metric_neither_counts_nor_ends_a_count(folder):
    guard = Guard(replace(OFF, min_entropy=1.0), folder)
    assert stops_at(guard, rows("entropy", [None, 0.1, None, 0.2, None, None, 0.3], first=0))[0] == 6
    assert stops_at(Guard(replace(OFF, min_entropy=1.0), folder), rows("entropy", [None] * 9)) is None


@given(
    values=st.lists(st.none() | st.floats(0, 2), min_size=1, max_size=30),
    patience=st.integers(1, 4),
    cut=st.integers(0, 30),
)
def test_stops_where_a_count_by_hand_says_and_a_resume_changes_nothing(
    tmp_path_factory, values, patience, cut
):
    folder = RunFolder(tmp_path_factory.getbasetemp(), {}, [])
    run, expected = 0, None
    for step, value in enumerate(values, start=1):
        run = run if value is None else run + 1 if value < 1 else 0
        if run == patience:
            expected = step
            break
    params = GuardParams(patience=patience, min_entropy=1.0)
    given_rows = rows("entropy", values)
    stopped = stops_at(Guard(params, folder), given_rows)
    assert (stopped and stopped[0]) == expected
    if expected is None or cut < expected:
        resumed = Guard(params, folder)
        resumed.check(given_rows[:cut])
        assert stops_at(resumed, given_rows[cut:]) == stopped


def test_a_past_breach_that_has_ended_does_not_stop_a_resume(folder):
    history = rows("entropy", [0.1, 0.1, 0.1, 2.0])  # from before the limit was set
    Guard(replace(OFF, min_entropy=1.0), folder).check(history)
    with pytest.raises(CollapseError):
        Guard(replace(OFF, min_entropy=1.0), folder).check(history[:3])


def test_the_checkpoint_before_a_breach_stays_until_the_breach_ends(folder):
    guard = Guard(GuardParams(patience=9, min_entropy=1.0, max_grad_norm=5.0), folder)

    def after(step, entropy, grad_norm):
        guard.check([{"step": step, "entropy": entropy, "grad_norm": grad_norm}])
        save(folder, step, guard.since)
        return [int(path.name[-6:]) for path in sorted(folder.path.glob("step_*"))]

    assert after(1, 2.0, 1.0) == [1]
    assert after(2, 2.0, 1.0) == [2]
    assert after(3, 0.5, 1.0) == [2, 3]
    assert after(4, 0.5, 9.0) == [2, 3, 4]  # 3 is the last before the second breach
    assert after(5, 0.5, 9.0) == [2, 3, 5]
    assert after(6, 1.0, 9.0) == [3, 6]
    assert after(7, 1.0, 1.0) == [7]
    assert guard.since == []


PARAMS = TrainParams(
    steps=6,
    questions_per_step=2,
    minibatches=1,
    learning_rate=1e-12,
    critic_warmup_steps=0,
    checkpoint_every=2,
    validate_every=9,
)


def run(root, retriever, guard):
    """Train a small policy until the guard stops it: the rows logged, what the guard said, the checkpoints
    left.
    """

    class Rows(list):
        def log(self, step, metrics):
            self.append(dict(metrics))

    made = trainer(tiny.model(WORD), retriever, PARAMS)
    logged, message = Rows(), None
    with RunFolder(root, {}, []) as folder:
        try:
            train(made, folder, QUESTIONS[:2], guard, logged, lambda step, sampled, learnt_from: [])
        except CollapseError as error:
            message = str(error)
        return logged, message, sorted(path.name for path in folder.path.glob("step_*"))


@pytest.mark.slow
def test_training_stops_and_again_after_a_resume_until_the_limit_is_moved(tmp_path):
    (tmp_path / "index").mkdir()
    retriever, root = tiny.retriever(tmp_path / "index"), tmp_path / "run"
    low = GuardParams(patience=4, min_entropy=100.0)  # any policy's is lower
    logged, message, checkpoints = run(root, retriever, low)
    assert [row["step"] for row in logged] == [
        0,
        1,
        2,
        3,
        4,
    ]  # the last row is logged, its checkpoint not made
    assert "for 4 steps in a row" in message
    assert all(f"{row['entropy']:.4g} (step {row['step']})" in message for row in logged[1:])
    assert checkpoints == ["step_000002"]
    assert run(root, retriever, low)[1] == message  # goes on from step 2 with the count of the steps before
    logged, message, _ = run(root, retriever, replace(low, min_entropy=None))
    assert message is None
    assert [row["step"] for row in logged] == [0, 1, 2, 3, 4, 5, 6]
