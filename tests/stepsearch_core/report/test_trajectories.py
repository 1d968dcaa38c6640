import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.base.types import Author
from stepsearch_core.report.trajectories import TokenSegment, read_kept
from tests.report_data import make_kept, make_record


def test_tokens_are_read_with_their_numbers(tmp_path):
    write_jsonl(tmp_path / "kept.jsonl", [make_kept(1, 0), make_kept(10, 1)])
    first, second = read_kept(tmp_path / "kept.jsonl")
    assert (first.step, second.step) == (1, 10)
    assert first.record.id == "musique-0"
    assert first.tokens.segments[0] == TokenSegment(0, Author.POLICY, ("<search>", " Orchard", "</search>"))
    assert first.tokens.values["advantage"] == (0.5, -1.0, 0.25, 2.0, -0.125)
    assert list(first.tokens.values) == ["reward", "advantage", "log_prob", "value", "log_ratio", "kl"]


def test_a_run_without_critic_and_reference_has_less(tmp_path):
    kept = make_kept(1, 0)
    for name in ("value", "log_ratio", "kl"):
        del kept["tokens"][name]
    write_jsonl(tmp_path / "kept.jsonl", [kept])
    assert list(read_kept(tmp_path / "kept.jsonl")[0].tokens.values) == ["reward", "advantage", "log_prob"]


def test_records_of_earlier_versions_have_no_tokens(tmp_path):
    write_jsonl(tmp_path / "kept.jsonl", [{"step": 3, **make_record("musique", 0, 1.0)}])
    (made,) = read_kept(tmp_path / "kept.jsonl")
    assert (made.step, made.tokens) == (3, None)
    assert read_kept(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            {"advantage": [0.5]},
            r"kept\.jsonl, line 1: field 'tokens\.advantage': 1 numbers for 5 tokens that the policy",
        ),
        (
            {"reward": [0, 0, "high", 0, 1]},
            r"line 1: field 'tokens\.reward\.2': expected a number, found str",
        ),
        (
            {"segments": [{"turn": 0, "author": "me", "texts": []}]},
            r"tokens\.segments\[0\]\.author': 'me' is not",
        ),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    kept = make_kept(1, 0)
    write_jsonl(tmp_path / "kept.jsonl", [kept | {"tokens": kept["tokens"] | damage}])
    with pytest.raises(DataError, match=message):
        read_kept(tmp_path / "kept.jsonl")
