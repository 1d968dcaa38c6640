"""Whatever happens to a file, a reader gives examples or one DataError that names file and line, and nothing
else.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.benchmarks import readers
from stepsearch_core.benchmarks.readers import read_benchmark, read_decompositions
from stepsearch_core.data.corpus import read_corpus_file
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.trajectories import load_trajectories
from tests.damage import EXAMPLES, damaged_bytes, damaged_row, lines, read_or_refuse
from tests.stepsearch_core.benchmarks.rows_of_formats import HOTPOTQA, ROWS

QUESTION = {
    "id": "q1",
    "dataset": "musique",
    "split": "train",
    "question": "Who married the author?",
    "answers": ["Bob Ray"],
    "hops": [{"sub_question": "a >> b", "sub_answer": "c", "support_ids": ["0f"], "search_keys": ["a b"]}],
}
TRAJECTORY = {
    "question_id": "q1",
    "turns": [{"think": "a", "query": "b", "passage_ids": ["0f"]}, {"think": "", "answer": "Bob Ray"}],
}
DECOMPOSITION = {
    "dataset": "hotpotqa",
    "id": HOTPOTQA["_id"],
    "steps": [
        {"question": "Dark River >> author", "answer": "Ann Lee", "title": "Dark River", "text": "By Ann."}
    ],
}
PASSAGE = {"id": "1", "title": "Röme", "text": "A city."}
READERS = {
    **{name: lambda path, name=name: list(read_benchmark(name, path, "dev")) for name in readers.READERS},
    "decompositions": lambda path: read_decompositions(path),
    "corpus": lambda path: list(read_corpus_file(path)),
    "questions": load_questions,
    "trajectories": lambda path: load_trajectories(path, {"q1"}, {"0f"}),
}
VALID: dict[str, dict] = {
    **ROWS,
    "decompositions": DECOMPOSITION,
    "corpus": PASSAGE,
    "questions": QUESTION,
    "trajectories": TRAJECTORY,
}
PLACE = r"(, line \d+|, row \d+|(?=: UTF-16))"


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@EXAMPLES
@given(data=st.data())
def test_bytes_of_json_lines(tmp_path, name, data):
    content = lines(VALID[name], {**VALID[name], "id": "2", "_id": "2"})
    read_or_refuse(READERS[name], tmp_path / "rows.jsonl", data.draw(damaged_bytes(content)), PLACE)


@pytest.mark.parametrize("name", readers.READERS)
@EXAMPLES
@given(data=st.data())
def test_bytes_of_arrays(tmp_path, name, data):
    content = json.dumps([VALID[name]] * 2, ensure_ascii=False).encode()
    read_or_refuse(READERS[name], tmp_path / "rows.json", data.draw(damaged_bytes(content)), PLACE)


@EXAMPLES
@given(content=damaged_bytes('Question,Answer\nWho?,"Ann, or\nAnné"\nWhere?,Rome\n'.encode()))
def test_bytes_of_tables(tmp_path, content):
    read_or_refuse(READERS["bamboogle"], tmp_path / "rows.csv", content, PLACE)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@EXAMPLES
@given(data=st.data())
def test_fields(tmp_path, name, data):
    row = data.draw(damaged_row(VALID[name]))
    read_or_refuse(READERS[name], tmp_path / "rows.jsonl", lines(row), ", line 1")
