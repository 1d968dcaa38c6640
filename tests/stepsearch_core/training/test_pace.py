import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_jsonl
from stepsearch_core.params import Params
from stepsearch_core.training.pace import FILE, PaceTracker, read_pace

STEPS = [(1, 9.0), (2, 4.0), (3, 6.0)]


def params(**changed):
    made = Params(profile="x")
    for name, value in changed.items():
        setattr(made.train, name, value)
    return made


def row(seconds):
    parts = {"rollout": seconds / 2, "experience": seconds / 8, "update": seconds / 4}
    return {f"timing/{name}": value for name, value in parts.items()} | {"timing/step": seconds, "f1": 0.5}


def written(path, steps=STEPS, made=None):
    tracker = PaceTracker(path / FILE, made or params())
    tracker.log(0, {"validation/f1": 0.5})
    for step, seconds in steps:
        tracker.log(step, row(seconds))
    tracker.close()
    return read_pace(path / FILE, made or params())


def test_what_is_written_reads_back(tmp_path):
    pace = written(tmp_path)
    assert [(row["step"], row["seconds"]) for row in pace.rows] == STEPS
    assert pace.done == 3
    assert pace.rows[0] == {"step": 1, "seconds": 9.0, "rollout": 4.5, "experience": 1.125, "update": 2.25}
    assert not pace.differences(params())


def test_the_file_is_whole_after_every_step(tmp_path):
    tracker = PaceTracker(tmp_path / FILE, params())
    for step, seconds in STEPS:
        tracker.log(step, row(seconds))
        assert len(list(read_jsonl(tmp_path / FILE))) == 1 + step


def test_the_first_step_chooses_kernels_and_does_not_count(tmp_path):
    assert written(tmp_path).mean() == 5.0
    assert written(tmp_path).mean("rollout") == 2.5
    assert written(tmp_path, STEPS[:2]).mean() == 6.5  # of two steps both count
    assert written(tmp_path, STEPS[:1]).mean() == 9.0


def test_a_run_of_another_model_or_without_steps_is_none(tmp_path):
    made = params()
    assert read_pace(tmp_path / FILE, made) is None
    written(tmp_path)
    PaceTracker(tmp_path / FILE, made).log(0, {"validation/f1": 0.5})
    assert read_pace(tmp_path / FILE, made).done == 3  # a validation alone writes nothing
    made.model.layers = 9
    assert read_pace(tmp_path / FILE, made) is None


def test_settings_that_differ_are_named_but_not_the_number_of_steps(tmp_path):
    pace = written(tmp_path, made=params(steps=7, micro_batch_tokens=99))
    assert pace.differences(params(steps=8)) == ["train.micro_batch_tokens"]
    del pace.settings["rollout.engine"]
    assert pace.differences(params(micro_batch_tokens=99)) == ["rollout.engine"]


@pytest.mark.parametrize("text", ["", '{"step": 1}\n'])
def test_a_file_of_something_else_is_one_error(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError, match=r"train_steps\.jsonl.*does not begin with the settings"):
        read_pace(tmp_path / FILE, params())
