import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.benchmarks.gold import GoldMatches, Presence, count_by_hop, hop_supports

MATCHES = GoldMatches(
    {"a": "chunk 1", "b": "chunk 1", "c": "chunk 2"}, added=frozenset("d"), missing=frozenset("e")
)


def question(*supports):
    hops = tuple(Hop("who", "Ann", tuple(ids), ("key",)) for ids in supports)
    return Question("q", "musique", "test", "who?", ("Ann",), hops)


def test_supports_become_what_the_corpus_holds_and_nothing_else_changes():
    asked = question("c", "ab", "x", "", "e")
    assert MATCHES(asked) == question(["chunk 2"], ["chunk 1"], ["x"], [], ["e"])
    assert MATCHES(asked).support_ids == ("chunk 2", "chunk 1", "x", "e")


def test_a_question_whose_supports_are_there_by_content_is_itself():
    asked = question("x", "e")
    assert MATCHES(asked) is asked
    assert GoldMatches()(question("a")) == question("a")


def test_how_the_corpus_holds_them():
    assert [MATCHES.presence(gold_id) for gold_id in "axde"] == [
        Presence.ANOTHER_TEXT,
        Presence.SAME_CONTENT,
        Presence.ADDED,
        Presence.MISSING,
    ]


def test_supports_are_counted_by_the_number_of_their_hop():
    """By hand: first hops a, x and x, second ones e and b, a third one d."""
    asked = [question("a", "eb", "d"), question("x"), question("x")]
    assert list(hop_supports(asked)) == [(1, "a"), (2, "e"), (2, "b"), (3, "d"), (1, "x"), (1, "x")]
    counts = count_by_hop(hop_supports(asked), MATCHES.presence)
    assert list(counts) == ["1", "2", "3", "all"]
    assert [list(row.values()) for row in counts.values()] == [
        [3, 2, 1, 0, 0],
        [2, 0, 1, 0, 1],
        [1, 0, 0, 1, 0],
        [6, 2, 2, 1, 1],
    ]
    assert list(counts["all"]) == ["supports", "same_content", "another_text", "added", "missing"]
    assert count_by_hop([], MATCHES.presence)["all"]["supports"] == 0


def test_a_corpus_that_was_built_without_the_rule_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"gold\.json: missing: build the corpus again"):
        GoldMatches.open(tmp_path)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"added": {}, "missing": {}}, "another_text"),
        ({"another_text": {"a": {"overlap": 0.9}}, "added": {}, "missing": {}}, r"another_text\.a\.passage"),
        ({"another_text": {}, "added": {}, "missing": ["e"]}, "missing"),
    ],
)
def test_damage_is_named(tmp_path, value, field):
    (tmp_path / "gold.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=f"gold.json: field '{field}'"):
        GoldMatches.open(tmp_path)
