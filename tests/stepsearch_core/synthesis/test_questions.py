import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.synthesis.questions import (
    load_questions,
    question_from_json,
    question_to_json,
    write_questions,
)

some_text = st.text(st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool)
texts = st.lists(st.text(st.characters(codec="utf-8")), max_size=3).map(tuple)
hops = st.builds(
    Hop, sub_question=st.just("") | some_text, sub_answer=some_text, support_ids=texts, search_keys=texts
)
questions = st.builds(
    Question,
    id=some_text,
    dataset=some_text,
    split=some_text,
    question=some_text,
    answers=texts,
    hops=st.lists(hops, max_size=3).map(tuple),
)


@settings(max_examples=50)
@given(questions)
def test_json_keeps_every_field(question):
    assert question_from_json(json.loads(json.dumps(question_to_json(question)))) == question


def test_files_keep_the_order(tmp_path):
    written = [
        Question(str(i), "musique", "train", "Who?", ("Ann",), (Hop("a >> b", "c"),)) for i in range(3)
    ]
    assert write_questions(tmp_path / "q.jsonl", written) == 3
    assert load_questions(tmp_path / "q.jsonl") == written


def test_damage_names_line_and_field(tmp_path):
    write_questions(
        tmp_path / "q.jsonl", [Question("1", "musique", "train", "Who?", ("Ann",), (Hop("a", "b"),))] * 2
    )
    text = (tmp_path / "q.jsonl").read_text().splitlines()
    (tmp_path / "q.jsonl").write_text(
        text[0] + "\n" + text[1].replace('"search_keys": []', '"search_keys": "a"')
    )
    with pytest.raises(DataError, match=r"line 2: field 'hops\[0\]\.search_keys': expected a list"):
        load_questions(tmp_path / "q.jsonl")
