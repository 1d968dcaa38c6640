from dataclasses import replace

import datasets
import pyarrow.parquet as pq
import pytest

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.synthesis.dataset import json_row, parquet_row, write_dataset

SHELF = {"p": Passage("p", "Dark River", "Ann wrote it."), "q": Passage("q", "Ann", "Bob is her husband.")}
HOPS = (
    Hop("Dark River >> author", "Ann", ("p",), ("Dark River book", "who wrote Dark River")),
    Hop("Ann >> spouse", "Bob", ("q", "p"), ()),
)
ASKED = Question("2hop__1_2", "musique", "train", "Whom did the author marry", ("Bob", "Robert"), HOPS)
SUPPORTS = [
    {"title": "Dark River", "paragraph_text": "Ann wrote it."},
    {"title": "Ann", "paragraph_text": "Bob is her husband."},
]


def test_a_line_as_the_released_scripts_read_it():
    assert json_row(ASKED, SHELF.__getitem__) == {
        "id": "2hop__1_2",
        "question": "Whom did the author marry",
        "final_answer": "Bob",
        "answer_aliases": ["Robert"],
        "sub_questions": ["Dark River >> author", "Ann >> spouse"],
        "sub_answers": ["Ann", "Bob"],
        "sub_searchs": [["Dark River book", "who wrote Dark River"], []],
        "sub_support_docs": SUPPORTS,
    }


def test_a_row_as_the_released_trainer_reads_it():
    row = parquet_row(ASKED, 3, "train", SHELF.__getitem__)
    [message] = row.pop("prompt")
    assert message["role"] == "user"
    assert message["content"].rstrip().endswith("Question: Whom did the author marry?")
    assert row == {
        "id": "2hop__1_2",
        "data_source": "musi",
        "ability": "fact-reasoning",
        "reward_model": {
            "style": "rule",
            "ground_truth": {
                "target": ["Bob", "Robert"],
                "search_keys": [["Dark River book", "who wrote Dark River"], []],
            },
        },
        "extra_info": {"split": "train", "index": 3, "support_docs": SUPPORTS},
    }


@pytest.mark.slow
def test_what_the_first_rows_lack_others_may_have(tmp_path):
    bare = replace(ASKED, answers=("Bob",), hops=(replace(HOPS[0], search_keys=()),))
    write_dataset(
        tmp_path / "dataset",
        {"train": [bare], "validation": [ASKED]},
        SHELF.__getitem__,
        sources=[],
        depth=3,
    )
    made = datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))
    assert made["train"].features == made["validation"].features
    assert made["validation"][0] == json_row(ASKED, SHELF.__getitem__)
    schemas = {pq.read_schema(tmp_path / "dataset" / "rows" / f"{split}.parquet") for split in made}
    assert len(schemas) == 1


@pytest.mark.slow
def test_the_folder_is_one_that_datasets_reads(tmp_path):
    splits = {"train": [ASKED, ASKED], "validation": [ASKED]}
    folder = tmp_path / "dataset"
    write_dataset(folder, splits, SHELF.__getitem__, sources=["bm25", "dense"], depth=3)
    lines = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in lines.items()} == {"train": 2, "validation": 1}
    assert lines["train"][0] == json_row(ASKED, SHELF.__getitem__)
    rows = pq.read_table(folder / "rows" / "train.parquet").to_pylist()
    assert rows == [parquet_row(ASKED, number, "train", SHELF.__getitem__) for number in (0, 1)]
    card = (folder / "README.md").read_text()
    assert "| train | 2 | 4 | 4 |" in card
    assert "first 3 results" in card
