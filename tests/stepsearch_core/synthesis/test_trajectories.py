import copy
import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.synthesis.trajectories import (
    AnswerTurn,
    SearchTurn,
    WarmstartTrajectory,
    load_trajectories,
)

TURNS = (SearchTurn("first", " Ann Lee born ", ("0f", "1e")), AnswerTurn("", "Rome"))
MADE = WarmstartTrajectory("q1", TURNS, attempt=3)
WRITTEN = json.loads(json.dumps(MADE.to_json()))


def test_what_synthesis_writes_comes_back(tmp_path):
    write_jsonl(tmp_path / "t.jsonl", [WRITTEN, WRITTEN])
    assert load_trajectories(tmp_path / "t.jsonl", {"q1"}, {"0f", "1e"}) == [MADE, MADE]


def test_a_line_of_the_file():
    assert WRITTEN == {
        "question_id": "q1",
        "turns": [
            {"think": "first", "query": " Ann Lee born ", "passage_ids": ["0f", "1e"]},
            {"think": "", "answer": "Rome"},
        ],
    }
    assert MADE.searches == TURNS[:1]
    assert [turn.said for turn in TURNS] == ["first  Ann Lee born ", " Rome"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.update(question_id="q2"), r"field 'question_id': no question has the id 'q2'"),
        (lambda row: row.update(turns=[]), r"field 'turns': empty"),
        (lambda row: row["turns"][0].pop("passage_ids"), r"field 'turns\[0\]\.passage_ids': missing"),
        (
            lambda row: row["turns"][0].update(query=3),
            r"field 'turns\[0\]\.query': expected text, found int",
        ),
        (
            lambda row: row["turns"][0]["passage_ids"].append("2d"),
            r"field 'turns\[0\]\.passage_ids': no passage .*'2d'",
        ),
        (lambda row: row["turns"][1].pop("answer"), r"field 'turns\[1\]\.answer': missing"),
    ],
)
def test_damage_names_line_and_field(tmp_path, change, problem):
    row = copy.deepcopy(WRITTEN)
    change(row)
    write_jsonl(tmp_path / "t.jsonl", [WRITTEN, row])
    with pytest.raises(DataError, match=rf"t\.jsonl, line 2: {problem}"):
        load_trajectories(tmp_path / "t.jsonl", {"q1"}, {"0f", "1e"})
