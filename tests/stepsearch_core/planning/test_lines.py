import pytest

from stepsearch_core.planning.lines import plan_lines, spell
from stepsearch_core.planning.plan import make_plan
from stepsearch_core.training.pace import Pace, settings
from stepsearch_core.training.tracker import PHASES
from tests.profiles import profile


def printed(name, *overrides):
    params = profile(name, *overrides)
    return plan_lines(make_plan(params), params)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (41.3, "41 s"),
        (126, "2.1 min"),
        (720, "12 min"),
        (11_160, "3.1 h"),
        (453_600, "126 h"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert spell(seconds) == text


def test_times_stand_with_what_they_rest_on():
    lines = printed("paper_3b", "rollout.engine=transformers", "evaluate.processes=4")
    at = next(number for number, line in enumerate(lines) if line.startswith("time on 8 x H100: "))
    assert "s a step (rollout " in lines[at]
    assert "(500 steps, " in lines[at + 1]
    assert lines[at + 1].endswith("GPU-hours)")
    text = "\n".join(lines)
    assert "40% of 989 TFLOP/s, 70% of 3,350 GB/s, 25 ms a decoding pass besides" in text
    assert "encoding passages" in text
    evaluation = next(line for line in lines if line.startswith("  evaluation "))
    assert evaluation.endswith(" (on 4 x H100)")
    assert any(line.startswith("  all of these ") for line in lines)
    assert "warm start" not in text  # it has no epochs


def test_without_a_card_it_says_how_times_are_come_by():
    assert any(line.startswith("time: not known for this hardware") for line in printed("tiny"))


def test_what_is_offloaded_is_said():
    assert "offloaded" not in "\n".join(printed("paper_3b"))
    lines = printed("paper_3b", "train.offload_optimizer=true")
    assert any(line.startswith("offloaded to main memory, by all processes: 5") for line in lines)


def test_sections_stand_apart():
    lines = printed("single_gpu")
    assert lines[0] == "profile            single_gpu"
    assert lines.count("") == 6
    assert all(lines[number + 1] for number, line in enumerate(lines[:-1]) if not line)


def test_a_run_s_pace_and_what_is_left_of_it():
    rows = [
        {"step": step, "seconds": 60.0, "rollout": 30.0, "experience": 9.0, "update": 20.0}
        for step in range(1, 13)
    ]
    params = profile("tiny", "train.steps=72")
    pace = Pace(settings(params), rows)
    lines = plan_lines(make_plan(params), params, pace)
    assert lines[4] == "measured here: 60 s a step (rollout 30 s, experience 9.0 s, update 20 s)"
    assert " ".join(lines[5].split()) == "train 12 min for 12 of 72 steps, 60 min for those left"
    assert not any(line.startswith("time:") or "other values" in line for line in lines)
    params = profile("tiny", "train.steps=12", "rollout.batch_size=8")
    lines = plan_lines(make_plan(params), params, pace)
    assert " ".join(lines[5].split()) == "train 12 min for 12 of 12 steps"
    assert lines[6] == "  the run had other values of rollout.batch_size"


def test_an_estimate_stays_beside_what_was_measured():
    params = profile("paper_3b")
    pace = Pace(settings(params), [{"step": 1} | dict.fromkeys(("seconds", *PHASES), 40.0)])
    text = "\n".join(plan_lines(make_plan(params), params, pace))
    assert text.index("time on 8 x H100") < text.index("measured here: 40 s a step")


def test_a_model_with_a_tokenizer_of_its_own_has_no_more_parameters_than_this():
    assert "policy             at most 903,232 parameters (904,357 trained)" in printed("tiny")
    assert "policy             494,032,768 parameters (494,837,377 trained)" in printed("single_gpu")
