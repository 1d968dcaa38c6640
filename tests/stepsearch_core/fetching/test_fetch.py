import json
from dataclasses import replace

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.benchmarks.examples import UNRESOLVED
from stepsearch_core.benchmarks.sources import (
    STANDARD_NAMES,
    fetched_file,
    fetched_passages,
    read_examples,
    read_questions,
)
from stepsearch_core.data.corpus import UNTITLED, read_corpus_file
from stepsearch_core.fetching.fetch import fetch, remarks
from stepsearch_core.params import CorpusParams, FetchParams, ParamsError, WorldParams
from tests.stepsearch_core.benchmarks.rows_of_formats import BAMBOOGLE, HOTPOTQA, MUSIQUE, write_jsonl

SMALL = WorldParams(
    people=60, works=60, organisations=24, cities=24, countries=8, train_questions=60, test_questions=12
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world") / "fetch"
    return folder, fetch(FetchParams(source="world", world=SMALL), folder)


@pytest.fixture
def given_files(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    write_jsonl(folder / "train100.jsonl", MUSIQUE)
    write_jsonl(folder / "questions.jsonl", BAMBOOGLE, BAMBOOGLE)
    (folder / "hotpot.json").write_text(json.dumps([HOTPOTQA]))
    files = {"musique_train": "train100.jsonl", "bamboogle": "questions.jsonl", "hotpotqa": "hotpot.json"}
    return FetchParams(source="files", folder=str(folder), files=files)


def test_the_world_is_fetched_whole_and_described(world):
    folder, manifest = world
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        (*(file["file"] for file in manifest["files"].values()), "manifest.json")
    )
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert {key: entry["rows"] for key, entry in manifest["files"].items() if key != "corpus"} == {
        "musique_train": 60,
        "musique": 12,
        "hotpotqa": 12,
        "2wikimultihopqa": 12,
        "bamboogle": 12,
        "decompositions": 36,
    }
    assert manifest["files"]["bamboogle"]["sha256"] == sha256_file(folder / "bamboogle.csv")


@pytest.mark.slow
def test_a_world_that_cannot_be_is_a_parameter_error(tmp_path):
    with pytest.raises(ParamsError, match=r"fetch\.world: too small"):
        fetch(FetchParams(source="world", world=replace(SMALL, train_questions=10**6)), tmp_path / "fetch")
    assert list(tmp_path.iterdir()) == []


def test_the_same_parameters_fetch_the_same_world(world, tmp_path):
    assert fetch(FetchParams(source="world", world=SMALL), tmp_path / "again") == world[1]


def test_every_question_of_the_world_has_steps_whose_supports_are_in_the_corpus(world):
    folder, _ = world
    corpus = {passage.id for passage in read_corpus_file(folder / "corpus.jsonl")}
    for name, split in (
        ("musique", "train"),
        ("musique", "test"),
        ("hotpotqa", "test"),
        ("2wikimultihopqa", "test"),
        ("bamboogle", "test"),
    ):
        for example in read_examples(folder, name, split):
            question = example.question
            assert (question.dataset, question.split) == (name, split)
            assert question.has_decomposition
            assert len(question.hops) >= 2
            assert set(question.support_ids) <= corpus
            assert {passage.id for passage in example.context} <= corpus
            assert question.hops[-1].sub_answer in question.answers


def test_the_world_without_its_sidecar_still_has_supports(world, tmp_path):
    folder, _ = world
    files = {key: STANDARD_NAMES[key] for key in ("hotpotqa", "2wikimultihopqa")}
    fetch(FetchParams(source="files", folder=str(folder), files=files), tmp_path / "fetch")
    for name in files:
        bare = read_questions(tmp_path / "fetch", name, "test")
        for question, full in zip(bare, read_questions(folder, name, "test"), strict=True):
            assert set(question.support_ids) == set(full.support_ids)


def test_given_files_get_standard_names_and_keep_their_suffix(given_files, tmp_path):
    manifest = fetch(given_files, tmp_path / "fetch")
    names = ["bamboogle.jsonl", "hotpotqa.json", "manifest.json", "musique_train.jsonl"]
    assert sorted(path.name for path in (tmp_path / "fetch").iterdir()) == names
    assert {key: entry["rows"] for key, entry in manifest["files"].items()} == {
        "musique_train": 1,
        "bamboogle": 2,
        "hotpotqa": 1,
    }
    assert manifest["files"]["musique_train"]["file"] == "train100.jsonl"
    assert [question.id for question in read_questions(tmp_path / "fetch", "musique", "train")] == [
        MUSIQUE["id"]
    ]
    assert fetched_file(tmp_path / "fetch", "musique") is None
    with pytest.raises(DataError, match="no file of musique was fetched"):
        read_questions(tmp_path / "fetch", "musique", "test")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "fetch.files: empty"),
        (
            {"squad": "train100.jsonl"},
            "fetch.files: unknown key 'squad'; known: musique_train, hotpotqa",
        ),
        ({"musique": "dev.jsonl"}, r"dev\.jsonl: fetch\.files: musique: no such file"),
        ({"corpus": "hotpot.json"}, r"hotpot\.json, row 0: field 'id': missing"),
        ({"musique": "hotpot.json"}, r"hotpot\.json, row 0: field"),
        ({"corpus": "train100.jsonl"}, r"train100\.jsonl, line 1: field"),
    ],
)
def test_a_failed_fetch_leaves_what_was_there(given_files, tmp_path, files, problem):
    fetch(given_files, tmp_path / "fetch")
    before = {path.name: path.read_bytes() for path in (tmp_path / "fetch").iterdir()}
    given_files.files = files
    with pytest.raises(DataError, match=problem):
        fetch(given_files, tmp_path / "fetch")
    assert {path.name: path.read_bytes() for path in (tmp_path / "fetch").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_rows_dropped_are_listed_and_every_stage_sees_the_same_rows(given_files, tmp_path):
    folder = tmp_path / "given"
    odd = {
        **MUSIQUE,
        "id": "odd",
        "question_decomposition": [
            {**MUSIQUE["question_decomposition"][0], "question": "#9 Dream >> performer"}
        ],
    }
    write_jsonl(folder / "train100.jsonl", MUSIQUE, {"id": "empty"}, MUSIQUE, odd)
    write_jsonl(folder / "wiki.jsonl", {"id": 1, "contents": "A city."}, {"id": 2})
    given_files.files |= {"corpus": "wiki.jsonl"}
    with pytest.raises(DataError, match=r"train100\.jsonl, line 2: field"):
        fetch(given_files, tmp_path / "fetch")
    manifest = fetch(replace(given_files, max_dropped_rows=2), tmp_path / "fetch")
    assert manifest["files"]["musique_train"]["rows"] == 2
    assert {key: entry["dropped"] for key, entry in manifest["files"].items() if entry["dropped"]} == {
        "musique_train": 2,
        "corpus": 1,
    }
    assert manifest["dropped"] == [
        {"file": "train100.jsonl", "place": "line 2", "field": "answer_aliases", "reason": "missing"},
        {
            "file": "train100.jsonl",
            "place": "line 3",
            "field": "id",
            "reason": f"{MUSIQUE['id']!r} is also the id of line 1",
        },
        {"file": "wiki.jsonl", "place": "line 2", "field": "title", "reason": "missing"},
    ]
    assert manifest["oddities"] == {"musique_train": {UNRESOLVED: 1}, "corpus": {UNTITLED: 1}}
    assert "train100.jsonl, line 2 dropped: answer_aliases: missing" in remarks(manifest)
    assert [question.id for question in read_questions(tmp_path / "fetch", "musique", "train")] == [
        MUSIQUE["id"],
        "odd",
    ]
    assert next(iter(fetched_passages(CorpusParams(), tmp_path / "fetch"))).text == "A city."
    with (tmp_path / "fetch" / "musique_train.jsonl").open("a") as file:
        file.write("{}\n")  # not what was fetched
    with pytest.raises(DataError, match="more than 2 rows"):
        read_questions(tmp_path / "fetch", "musique", "train")


def test_benchmarks_without_training_questions_are_fetched_with_a_remark(given_files, tmp_path):
    del given_files.files["musique_train"]
    (remark,) = remarks(fetch(given_files, tmp_path / "fetch"))
    assert remark.startswith("no file of training questions (musique_train, ")
    with pytest.raises(
        DataError, match="field 'musique_train': no file of musique_train was fetched: name one in fetch"
    ):
        read_questions(tmp_path / "fetch", "musique", "train")
