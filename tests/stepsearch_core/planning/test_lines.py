import pytest

from stepsearch_core.planning.lines import plan_lines, spell
from stepsearch_core.planning.plan import make_plan
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
        (720, "12 min"),
        (11_160, "3.1 h"),
        (453_600, "126 h"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert spell(seconds) == text


def test_times_stand_with_what_they_rest_on():
    lines = printed("paper_3b", "rollout.engine=transformers")
    at = next(number for number, line in enumerate(lines) if line.startswith("time on 8 x H100: "))
    assert "s a step (rollout " in lines[at]
    assert "(500 steps, " in lines[at + 1]
    assert lines[at + 1].endswith("GPU-hours)")
    text = "\n".join(lines)
    assert "40% of 989 TFLOP/s, 70% of 3,350 GB/s, 25 ms a decoding pass besides" in text
    assert "encoding passages" in text
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
