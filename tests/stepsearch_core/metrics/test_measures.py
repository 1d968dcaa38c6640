import pytest

from stepsearch_core.metrics.measures import MEASURES, warnings
from tests.oracles.episodes import answer, question, search, trajectory

LIMITS = {measure.name: measure.warn_above for measure in MEASURES if measure.warn_above is not None}


def test_every_measure_has_one_name_and_is_defined_for_an_ordinary_trajectory():
    made, asked = trajectory(search("x", "a"), answer("Paris")), question((["a"], []))
    assert (
        len({measure.name for measure in MEASURES})
        == len({measure.logged for measure in MEASURES})
        == len(MEASURES)
    )
    assert {measure.name: measure.of(made, asked) for measure in MEASURES} == {
        "em": 1.0,
        "f1": 1.0,
        "searches": 1,
        "redundancy": 0.0,
        "support_recall": 1.0,
        "format_valid": 1.0,
        "invalid_turns": 0.0,
        "hidden_passages": 0.0,
        "cut_passages": 0.0,
        "prompt_too_long": 0.0,
    }


def test_what_was_really_shown_and_written_has_limits():
    assert set(LIMITS) == {"invalid_turns", "hidden_passages", "cut_passages", "prompt_too_long"}
    assert all(measure.problem for measure in MEASURES if measure.name in LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_a_share_beyond_its_limit_is_said_with_the_worst_place(name):
    def metrics(**values):
        return {
            policy: {"musique": {name: {"value": value, "n": 8}}, "mean": {name: {"value": 1.0, "n": 8}}}
            for policy, value in values.items()
        }

    at, beyond = LIMITS[name], LIMITS[name] + 0.125
    assert (
        warnings(
            metrics(trained=at, warmstart=None, oracle=0.0), ("trained", "warmstart", "oracle"), ("musique",)
        )
        == []
    )
    (line,) = warnings(metrics(trained=at, warmstart=beyond), ("trained", "warmstart"), ("musique",))
    assert line.startswith(f"warmstart on musique (n = 8): {beyond:.1%} of the ")
    assert line.endswith("; so in 1 of 2 results")
    assert warnings({"trained": {"musique": {}}}, ["trained"], ["musique", "bamboogle"]) == []
