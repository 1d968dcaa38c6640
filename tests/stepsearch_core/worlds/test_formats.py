import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.text import passage_id

seeds = st.integers(0, 5)
hypothesis_settings = settings(max_examples=settings().max_examples // 33)


def rows_of(path: Path) -> list[dict]:
    if path.suffix == ".json":
        return json.loads(path.read_text())
    return [json.loads(line) for line in path.read_text().splitlines()]


def shape(value):
    """Types and keys of a JSON value; lists by their first element."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@hypothesis_settings
@given(seed=seeds)
def test_musique_rows_hold_what_the_published_ones_do(micro_folder, seed):
    folder = micro_folder(seed)
    for row in rows_of(folder / "musique_train.jsonl") + rows_of(folder / "musique.jsonl"):
        paragraphs = row["paragraphs"]
        steps = row["question_decomposition"]
        assert [p["idx"] for p in paragraphs] == list(range(len(paragraphs)))
        assert len(paragraphs) == 12
        assert len({(p["title"], p["paragraph_text"]) for p in paragraphs}) == len(paragraphs)
        supports = [step["paragraph_support_idx"] for step in steps]
        assert sorted(supports) == [p["idx"] for p in paragraphs if p["is_supporting"]]
        for step in steps:
            assert step["answer"] in paragraphs[step["paragraph_support_idx"]]["paragraph_text"]
            assert re.fullmatch(r"[A-Z#][\w# ]* >> [a-z]+", step["question"])
        prefix, ids = row["id"].split("__")
        assert ids == "_".join(str(step["id"]) for step in steps)
        assert int(prefix[0]) == len(steps)
        assert row["answer"] == steps[-1]["answer"]
        assert row["answer"] not in row["answer_aliases"]
        assert row["answerable"] is True


@hypothesis_settings
@given(seed=seeds)
def test_hotpotqa_and_2wiki_supports_can_be_found_by_title(micro_folder, seed):
    folder = micro_folder(seed)
    for name, digits in (("hotpotqa", 24), ("2wikimultihopqa", 32)):
        for row in rows_of(folder / f"{name}.json"):
            titles = [title for title, _ in row["context"]]
            assert len(set(titles)) == len(titles)
            assert len(titles) == 10
            context = dict(row["context"])
            assert len(row["supporting_facts"]) == len({title for title, _ in row["supporting_facts"]})
            for title, sentence in row["supporting_facts"]:
                assert title in context[title][sentence]
            last = row["supporting_facts"][-1]
            assert row["answer"] in context[last[0]][last[1]]
            assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", row["_id"])


@hypothesis_settings
@given(seed=seeds)
def test_2wiki_evidences_form_the_chain(micro_folder, seed):
    for row in rows_of(micro_folder(seed) / "2wikimultihopqa.json"):
        assert [subject for subject, _, _ in row["evidences"]] == [
            title for title, _ in row["supporting_facts"]
        ]
        assert row["evidences"][-1][2] == row["answer"]
        for (_, _, met), (subject, _, _) in zip(row["evidences"], row["evidences"][1:], strict=False):
            assert subject in met  # an alias holds the usual name


@hypothesis_settings
@given(seed=seeds)
def test_decompositions_cover_every_question_without_one(micro_folder, seed):
    folder = micro_folder(seed)
    corpus = {row["id"] for row in rows_of(folder / "corpus.jsonl")}
    with (folder / "bamboogle.csv").open(newline="") as file:
        bamboogle = list(csv.DictReader(file))
    answers = {("bamboogle", f"bamboogle_{i}"): row["Answer"] for i, row in enumerate(bamboogle)}
    for name in ("hotpotqa", "2wikimultihopqa"):
        answers |= {(name, row["_id"]): row["answer"] for row in rows_of(folder / f"{name}.json")}
    decompositions = rows_of(folder / "decompositions.jsonl")
    assert sorted((row["dataset"], row["id"]) for row in decompositions) == sorted(answers)
    assert len(decompositions) == 60
    for row in decompositions:
        assert row["steps"][-1]["answer"] == answers[row["dataset"], row["id"]]
        for step in row["steps"]:
            assert "#" not in step["question"]
            assert step["answer"] in step["text"]
            assert passage_id(step["title"], step["text"]) in corpus


@pytest.mark.parametrize(
    ("generated", "published"),
    [
        ("musique_train.jsonl", "musique_ans_train100.jsonl"),
        ("musique.jsonl", "musique_ans_dev551.jsonl"),
        ("2wikimultihopqa.json", "2wikimultihopqa_dev473.json"),
        ("hotpotqa.json", "hotpotqa_train100.json"),
    ],
)
def test_rows_have_the_shape_of_published_ones(micro_folder, real_data, generated, published):
    expected = [shape(row) for row in rows_of(real_data / published)]
    for row in rows_of(micro_folder(0) / generated):
        if "answer_aliases" in row:
            row["answer_aliases"] = row["answer_aliases"] or ["none here"]
        assert shape(row) in expected
