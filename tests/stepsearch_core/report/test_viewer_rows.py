from dataclasses import replace

from stepsearch_core.base.types import Author, InvalidReason
from stepsearch_core.report.trajectories import Tokens, TokenSegment
from stepsearch_core.report.viewer_rows import Passages, question_row, record_row, token_row
from tests.report_data import HOSTILE, record_of


def test_a_passage_stands_once():
    passages = Passages()
    assert [
        passages.number("Oda", "born"),
        passages.number("Oda", "died"),
        passages.number("Oda", "born"),
    ] == [0, 1, 0]
    assert passages.shown == [("Oda", "born"), ("Oda", "died")]


def test_what_is_asked():
    row = question_row("musique", record_of(2))
    assert (row["id"], row["benchmark"], row["hops"]) == ("musique-2", "musique", 1)
    assert row["answers"] == ("Port Anwick",)
    assert row["decomposition"] == [("Who wrote The Orchard?", "Oda Kess")]


def test_a_record_turn_by_turn():
    passages = Passages()
    row = record_row(record_of(em=1.0, f1=0.66666), passages)
    assert (row["em"], row["f1"], row["stop"], row["answer"], row["keys"]) == (
        1.0,
        0.6667,
        "answered",
        0.0,
        0.5,
    )
    search, answer = row["turns"]
    assert search == {
        "action": "search",
        "text": "<think> who wrote it </think> <search> author of The Orchard </search>",
        "gain": 0.5,
        "redundancy": 0.25,
        "passages": [[0, "gold"], [1, "repeated", "cut"]],
        "hidden": 2,
    }
    assert answer == {"action": "answer", "text": "<answer> Anwick </answer>", "passages": []}
    assert passages.shown == [("The Orchard", HOSTILE), ("Oda & Kess", "A painter.")]


def test_a_query_stands_where_the_text_has_it_not():
    record = record_of()
    search = replace(record.turns[0], text="", reason=InvalidReason.NO_ACTION)
    (row,) = record_row(replace(record, turns=(search,)), Passages())["turns"]
    assert (row["query"], row["text"], row["reason"]) == ("author of The Orchard", "", "no action")


def test_tokens_with_their_numbers():
    tokens = Tokens((TokenSegment(1, Author.POLICY, ("a", "b")),), {"kl": (0.5, None)})
    assert token_row(tokens) == {"segments": [[1, "policy", ("a", "b")]], "kl": (0.5, None)}
