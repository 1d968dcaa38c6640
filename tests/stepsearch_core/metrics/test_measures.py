import pytest

from stepsearch_core.base.types import InvalidReason
from stepsearch_core.metrics.answers import hotpotqa_f1
from stepsearch_core.metrics.measures import (
    BRIEF,
    BY_KEY,
    EVALUATED,
    MEASURES,
    Better,
    Rules,
    measure_all,
    warnings,
)
from tests.oracles.episodes import answer, invalid, question, search, trajectory

LIMITS = {measure.key: measure.warn_above for measure in MEASURES if measure.warn_above is not None}


def test_every_measure_has_one_key_and_one_label_and_is_defined_for_an_ordinary_trajectory():
    made, asked = trajectory(search("x y", "a"), answer("Paris")), question((["a"], []))
    assert len(BY_KEY) == len({measure.label for measure in MEASURES}) == len(MEASURES)
    assert measure_all(made, asked, BY_KEY, Rules()) == {
        "em": 1.0,
        "f1": 1.0,
        "cover_em": 1.0,
        "searches": 1,
        "redundancy": 0.0,
        "support_recall": 1.0,
        "support_precision": 1.0,
        "over_search": 0,
        "under_search": 0.0,
        "format_valid": 1.0,
        "invalid_turns": 0.0,
        "hidden_passages": 0.0,
        "cut_passages": 0.0,
        "prompt_too_long": 0.0,
        "response_length": 3 * 2 + 2,
        "written_tokens": 3 * 2,
        "query_words": 2,
        "answered": 1.0,
        **{f"invalid/{reason.name.lower()}": 0.0 for reason in InvalidReason},
    }
    assert list(measure_all(made, asked, BRIEF, Rules())) == ["em", "f1", "searches", "support_recall"]


def test_answers_and_queries_are_measured_by_the_rules_that_are_given():
    made, asked = trajectory(search("one two", "a"), answer("yes both")), question(answers=("yes",))
    by_letter = Rules(lambda text: list(text.replace(" ", "")))
    assert measure_all(made, asked, ("f1", "query_words"), Rules()) == {"f1": 2 / 3, "query_words": 2}
    # "yes", "yesboth": 3 letters in common of 3 and 7
    assert measure_all(made, asked, ("f1", "query_words"), by_letter) == {"f1": 0.6, "query_words": 6}
    assert measure_all(made, asked, ("f1",), Rules(f1=hotpotqa_f1)) == {"f1": 0.0}


def test_each_reason_for_an_invalid_turn_is_a_measure_of_its_own():
    shares = measure_all(trajectory(invalid(), answer("x")), question(), BY_KEY, Rules())
    assert {key: share for key, share in shares.items() if key.startswith("invalid/") and share} == {
        "invalid/not_one_action": 0.5
    }


def test_what_is_evaluated_and_which_values_are_better():
    assert {key: str(BY_KEY[key].better) for key in EVALUATED} == {
        **dict.fromkeys(("em", "f1", "cover_em", "support_recall", "support_precision"), "higher"),
        **dict.fromkeys(("redundancy", "invalid_turns", "hidden_passages", "cut_passages"), "lower"),
        **dict.fromkeys(("over_search", "under_search", "prompt_too_long", "written_tokens"), "lower"),
        **{"format_valid": "higher", "searches": "neither"},
    }
    assert BY_KEY["redundancy"].explanation.endswith("; lower is better")
    assert "better" not in BY_KEY["searches"].explanation
    assert all(measure.better is Better.LOWER for measure in MEASURES if measure.key in LIMITS)


def test_what_was_really_shown_and_written_has_limits():
    assert set(LIMITS) == {"invalid_turns", "hidden_passages", "cut_passages", "prompt_too_long"}
    assert all(measure.problem for measure in MEASURES if measure.key in LIMITS)


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
            metrics(trained=at, warmstart=None, gold_keys=0.0),
            ("trained", "warmstart", "gold_keys"),
            ("musique",),
        )
        == []
    )
    (line,) = warnings(metrics(trained=at, warmstart=beyond), ("trained", "warmstart"), ("musique",))
    assert line.startswith(f"warmstart on musique (n = 8): {beyond:.1%} of the ")
    assert line.endswith("; so in 1 of 2 results")
    assert warnings({"trained": {"musique": {}}}, ["trained"], ["musique", "bamboogle"]) == []
