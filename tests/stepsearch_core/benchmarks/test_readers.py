import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop
from stepsearch_core.benchmarks.readers import read_benchmark, read_decompositions
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import read_corpus_file
from stepsearch_core.data.rows import read_rows
from stepsearch_core.params import BENCHMARKS
from tests.stepsearch_core.benchmarks.rows_of_formats import (
    BAMBOOGLE,
    HOTPOTQA,
    MUSIQUE,
    ROWS,
    damaged,
    write_jsonl,
)

DECOMPOSITION = {
    "dataset": "hotpotqa",
    "id": HOTPOTQA["_id"],
    "steps": [
        {
            "question": "Dark River >> author",
            "answer": "Ann Lee",
            "title": "Dark River",
            "text": "By Ann Lee.",
        },
        {
            "question": "#1 >> spouse",
            "answer": "Bob Ray",
            "title": "Ann Lee",
            "text": "She married Bob Ray.",
        },
    ],
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_records_come_in_the_order_of_the_file(tmp_path, name):
    key = "_id" if name in ("hotpotqa", "2wikimultihopqa") else "id"
    path = write_jsonl(tmp_path / "rows.jsonl", *({**ROWS[name], key: f"q{number}"} for number in range(3)))
    questions = [example.question for example in read_benchmark(name, path, "dev")]
    assert [question.id for question in questions] == ["q0", "q1", "q2"]
    assert {(question.dataset, question.split) for question in questions} == {(name, "dev")}


def test_arrays_lines_and_tables_are_read_alike(tmp_path):
    (tmp_path / "h.json").write_text(json.dumps([HOTPOTQA]))
    lines = write_jsonl(tmp_path / "h.jsonl", HOTPOTQA)
    assert list(read_benchmark("hotpotqa", tmp_path / "h.json", "dev")) == list(
        read_benchmark("hotpotqa", lines, "dev")
    )
    (tmp_path / "b.csv").write_text("Question,Answer\nWho?,Ann\nWhere?,Rome\n")
    questions = [example.question for example in read_benchmark("bamboogle", tmp_path / "b.csv", "test")]
    assert [(question.id, question.answers) for question in questions] == [
        ("bamboogle_0", ("Ann",)),
        ("bamboogle_1", ("Rome",)),
    ]


def test_a_second_record_with_the_same_id_is_an_error(tmp_path):
    path = write_jsonl(tmp_path / "m.jsonl", MUSIQUE, MUSIQUE)
    with pytest.raises(
        DataError, match=r"m\.jsonl, line 2: field 'id': '3hop2__1_2_3' is also the id of line 1"
    ):
        list(read_benchmark("musique", path, "train"))


def test_decompositions_replace_the_steps_of_their_questions_only(tmp_path):
    rows = write_jsonl(tmp_path / "h.jsonl", HOTPOTQA, {**HOTPOTQA, "_id": "other"})
    sidecar = write_jsonl(
        tmp_path / "d.jsonl", {**DECOMPOSITION, "dataset": "2wikimultihopqa"}, DECOMPOSITION
    )
    given = read_decompositions(sidecar)["hotpotqa"]
    examples = list(read_benchmark("hotpotqa", rows, "dev", given))
    first, second = (example.question for example in examples)
    assert first.hops == (
        Hop("Dark River >> author", "Ann Lee", (passage_id("Dark River", "By Ann Lee."),)),
        Hop("Ann Lee >> spouse", "Bob Ray", (passage_id("Ann Lee", "She married Bob Ray."),)),
    )
    assert first.has_decomposition
    assert not second.has_decomposition
    assert [passage.text for passage in examples[0].gold] == ["By Ann Lee.", "She married Bob Ray."]
    assert [passage.title for passage in examples[1].gold] == ["Dark River", "Ann Lee"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"dataset": "squad"}, "line 2: field 'dataset': 'squad' is not one of"),
        ({"dataset": "qa"}, "line 2: field 'dataset': 'qa' is not one of"),
        ({"id": "q"}, "line 2: field 'steps': expected a list"),
        ({"steps": []}, "line 2: field 'steps': empty"),
        ({}, "line 2: field 'id': a second decomposition of"),
    ],
)
def test_damaged_decompositions(tmp_path, change, problem):
    second = {**DECOMPOSITION, **({"steps": {}} if "id" in change else {}), **change}
    path = write_jsonl(tmp_path / "d.jsonl", DECOMPOSITION, second)
    with pytest.raises(DataError, match=problem):
        read_decompositions(path)


# ---- rows dropped
# ----------------------------------------------------------------------------------------------------

BROKEN = b'{"id": \n'


def many(path, *rows):
    path.write_bytes(
        b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    )
    return path


def test_bad_rows_are_dropped_up_to_a_limit_and_named(tmp_path):
    unanswerable = {
        **damaged("musique", "question_decomposition", 0, "question", to="#9 >> x"),
        "answerable": False,
    }
    path = many(tmp_path / "m.jsonl", MUSIQUE, BROKEN, unanswerable, MUSIQUE, {**MUSIQUE, "id": "last"})
    account = Account(path, limit=3)
    assert [
        example.question.id for example in read_benchmark("musique", path, "train", account=account)
    ] == [
        MUSIQUE["id"],
        "last",
    ]
    assert account.rows() == [
        {"place": "line 2", "field": None, "reason": "not JSON: Expecting value (column 7)"},
        {
            "place": "line 3",
            "field": "answerable",
            "reason": "expected true: unanswerable rows belong to MuSiQue-Full, not to MuSiQue-Ans",
        },
        {"place": "line 4", "field": "id", "reason": f"{MUSIQUE['id']!r} is also the id of line 1"},
    ]
    assert +account.oddities == {}  # a dropped row's do not count


def test_beyond_the_limit_one_error_shows_the_first(tmp_path):
    path = many(tmp_path / "m.jsonl", MUSIQUE, *[BROKEN] * 5)
    problem = (
        r"m\.jsonl: more than 2 rows, which fetch\.max_dropped_rows allows, cannot be read; the first: "
        r"line 2: not JSON: .*; line 3: not JSON: .*; line 4: not JSON: [^;]*$"
    )
    with pytest.raises(DataError, match=problem):
        list(read_benchmark("musique", path, "train", account=Account(path, limit=2)))
    with pytest.raises(DataError, match=r"m\.jsonl, line 2: not JSON"):
        list(read_benchmark("musique", path, "train"))


@pytest.mark.parametrize("rows", [[BROKEN], [{}], [BROKEN, {}]])
def test_a_file_without_a_good_row_is_an_error_whatever_may_be_dropped(tmp_path, rows):
    path = many(tmp_path / "m.jsonl", *rows)
    for read in (
        lambda account: list(read_benchmark("musique", path, "train", account=account)),
        lambda account: read_decompositions(path, account),
        lambda account: list(read_corpus_file(path, account)),
    ):
        with pytest.raises(DataError, match=r"m\.jsonl: no row can be read; the first: line 1: "):
            read(Account(path, limit=9))


def test_a_dropped_row_keeps_its_number(tmp_path):
    path = many(tmp_path / "b.jsonl", BROKEN, BAMBOOGLE, {"question": ""}, BAMBOOGLE)
    questions = [
        r.question.id for r in read_benchmark("bamboogle", path, "test", account=Account(path, limit=2))
    ]
    assert questions == ["bamboogle_1", "bamboogle_3"]


# ---- published files
# ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published_passages(real_data):
    return {passage.id for passage in read_corpus_file(real_data / "corpus.jsonl")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "rows", "hops"),
    [
        ("musique", "musique_ans_train100.jsonl", 100, 237),
        ("musique", "musique_ans_dev551.jsonl", 551, 1393),
        ("hotpotqa", "hotpotqa_train100.json", 100, 200),
        ("2wikimultihopqa", "2wikimultihopqa_dev473.json", 473, 1194),
    ],
)
def test_published_files_point_into_the_published_corpus(
    real_data, published_passages, name, file, rows, hops
):
    examples = list(read_benchmark(name, real_data / file, "dev"))
    found = [hop for example in examples for hop in example.question.hops]
    assert (len(examples), len(found)) == (rows, hops)
    assert all(len(hop.support_ids) == 1 and hop.support_ids[0] in published_passages for hop in found)
    assert all(hop.sub_question and "#" not in hop.sub_question for hop in found) == (name != "hotpotqa")
    outside = {passage.id for example in examples for passage in example.context}
    outside -= published_passages
    assert len(outside) <= 1  # one HotpotQA paragraph, whose sentences bring no blanks


@pytest.mark.slow
def test_published_rows_with_nested_columns_as_text(real_data, tmp_path):
    for name, file, columns in (
        ("musique", "musique_ans_train100.jsonl", ("paragraphs", "question_decomposition")),
        ("hotpotqa", "hotpotqa_train100.json", ("context", "supporting_facts")),
        ("2wikimultihopqa", "2wikimultihopqa_dev473.json", ("context", "supporting_facts", "evidences")),
    ):
        values = [row.value for row in read_rows(real_data / file)][:50]
        for encode in (json.dumps, repr):
            encoded = [
                {**value, **{column: encode(value[column]) for column in columns}} for value in values
            ]
            path = write_jsonl(tmp_path / "rows.jsonl", *encoded)
            assert (
                list(read_benchmark(name, path, "dev"))
                == list(read_benchmark(name, real_data / file, "dev"))[:50]
            )


def test_bamboogle_takes_published_answers(tmp_path):
    path = write_jsonl(tmp_path / "b.jsonl", BAMBOOGLE)
    assert next(read_benchmark("bamboogle", path, "test")).question.answers == ("Bob Ray", "Robert Ray")
