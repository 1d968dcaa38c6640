import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import (
    fetched_benchmarks,
    fetched_examples,
    fetched_passages,
    fetched_questions,
    question_passages,
    training_questions,
)
from stepsearch_core.params import CorpusParams
from tests.stepsearch_core.benchmarks.rows_of_formats import HOTPOTQA, MUSIQUE, QA, TWOWIKI, write_jsonl


@pytest.fixture
def folder(tmp_path):
    write_jsonl(tmp_path / "musique_train.jsonl", MUSIQUE)
    write_jsonl(tmp_path / "musique.jsonl", MUSIQUE, {**MUSIQUE, "id": "another"})
    (tmp_path / "hotpotqa.json").write_text(json.dumps([HOTPOTQA]))
    return tmp_path


def titles(folder, include_benchmarks):
    params = CorpusParams(include_benchmarks)
    both = (*fetched_passages(params, folder), *question_passages(params, folder))
    return [passage.title for passage in both]


CONTEXT = ["Dark River", "Old Mill", "Ann Lee", "Ann and Bob"]


@pytest.mark.parametrize("include_benchmarks", [True, False])
def test_without_a_corpus_file_the_contexts_are_the_corpus(folder, include_benchmarks):
    assert titles(folder, include_benchmarks) == CONTEXT * 3 + ["Ann Lee", "Old Mill", "Dark River"]


def test_a_corpus_file_comes_first_and_may_stand_alone(folder):
    write_jsonl(folder / "corpus.jsonl", {"id": "1", "title": "Rome", "text": "A city."})
    assert titles(folder, include_benchmarks=False) == ["Rome"]
    assert titles(folder, include_benchmarks=True)[:5] == ["Rome", *CONTEXT]


def test_what_was_fetched_is_listed_with_the_training_file_first(folder):
    assert fetched_benchmarks(folder) == [("musique", "train"), ("musique", "test"), ("hotpotqa", "test")]


def test_questions_come_under_the_name_of_their_file(folder):
    asked = fetched_questions(folder)
    assert {name: len(questions) for name, questions in asked.items()} == {
        "musique_train": 1,
        "musique": 2,
        "hotpotqa": 1,
    }
    assert [name for name, _ in fetched_examples(folder)] == [
        "musique_train",
        "musique",
        "musique",
        "hotpotqa",
    ]
    assert len(fetched_questions(folder, limit=1)["musique"]) == 1
    assert asked["musique_train"][0].split == "train"


def test_all_training_files_are_read(folder):
    assert [question.dataset for question in training_questions(folder)] == ["musique"]
    write_jsonl(folder / "qa_train.jsonl", QA)
    write_jsonl(folder / "hotpotqa_train.jsonl", HOTPOTQA)
    write_jsonl(folder / "2wikimultihopqa_train.json", TWOWIKI)
    read = training_questions(folder)
    assert [question.dataset for question in read] == ["musique", "hotpotqa", "2wikimultihopqa", "qa"]
    assert {question.split for question in read} == {"train"}
    (folder / "musique_train.jsonl").unlink()
    assert [question.dataset for question in training_questions(folder)] == [
        "hotpotqa",
        "2wikimultihopqa",
        "qa",
    ]


def test_questions_of_two_training_files_have_ids_of_their_own(folder):
    write_jsonl(folder / "qa_train.jsonl", {**QA, "id": MUSIQUE["id"]})
    with pytest.raises(DataError, match="is the id of a question of musique_train and qa_train"):
        training_questions(folder)
