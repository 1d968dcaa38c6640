"""Local directories of the hub's layouts stand for the hub: the library reads both by the same code."""

import json
from dataclasses import replace

import pytest
from datasets import Dataset

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.io import read_jsonl
from stepsearch_core.benchmarks.sources import fetched_passages, read_examples, read_questions
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.fetching.hub import published_row
from stepsearch_core.params import CorpusParams, DatasetParams, FetchParams
from tests.stepsearch_core.benchmarks.rows_of_formats import (
    BAMBOOGLE,
    HOTPOTQA,
    MUSIQUE,
    TWOWIKI,
    write_jsonl,
)

CORPUS = [{"id": str(number), "contents": f'"Title {number}"\ntext {number}'} for number in range(5)]


def on_the_hub(row):
    """A published row of HotpotQA or 2WikiMultiHopQA with the hub's named columns."""
    titles, sentences = zip(*row["context"], strict=True)
    facts, numbers = zip(*row["supporting_facts"], strict=True)
    hub = {"id": row["_id"], **{name: row[name] for name in ("question", "answer", "type")}}
    hub["context"] = {"title": list(titles), "sentences": list(sentences)}
    hub["supporting_facts"] = {"title": list(facts), "sent_id": list(numbers)}
    if "evidences" in row:
        names = ("fact", "relation", "entity")
        hub["evidences"] = [dict(zip(names, triple, strict=True)) for triple in row["evidences"]]
    return hub


@pytest.fixture
def hub(tmp_path):
    """A folder of datasets: JSON lines, Parquet of one configuration, and a compressed corpus."""
    folder = tmp_path / "hub"
    for name in ("musique", "bamboogle", "wiki"):
        (folder / name).mkdir(parents=True)
    write_jsonl(folder / "musique" / "musique_ans_v1.0_train.jsonl", MUSIQUE, {**MUSIQUE, "id": "2hop__4_5"})
    write_jsonl(folder / "musique" / "musique_ans_v1.0_dev.jsonl", MUSIQUE)
    write_jsonl(folder / "bamboogle" / "test.jsonl", {"id": "test_0", **BAMBOOGLE, "metadata": {}})
    for name, config, row in (("hotpot", "distractor", HOTPOTQA), ("twowiki", "data", TWOWIKI)):
        (folder / name / config).mkdir(parents=True)
        path = folder / name / config / "validation-00000-of-00001.parquet"
        Dataset.from_list([on_the_hub(row)]).to_parquet(str(path))
    Dataset.from_list(CORPUS).to_json(str(folder / "wiki" / "wiki-18.jsonl.gz"), compression="gzip")
    datasets = {
        "musique_train": DatasetParams("musique", split="train"),
        "musique": DatasetParams("musique", split="validation"),
        "hotpotqa": DatasetParams("hotpot/distractor", split="validation"),
        "2wikimultihopqa": DatasetParams("twowiki", split="validation"),
        "bamboogle": DatasetParams("bamboogle", split="test"),
        "corpus": DatasetParams("wiki", split="train", revision="v1"),
    }
    return FetchParams(source="datasets", folder=str(folder), datasets=datasets)


def test_every_layout_is_written_as_published_and_read_like_any_file(hub, tmp_path):
    folder = tmp_path / "fetch"
    manifest = fetch(hub, folder)
    rows = {key: entry["rows"] for key, entry in manifest["files"].items()}
    assert rows == {
        "musique_train": 2,
        "musique": 1,
        "hotpotqa": 1,
        "2wikimultihopqa": 1,
        "bamboogle": 1,
        "corpus": 5,
    }
    given = tmp_path / "given"
    given.mkdir()
    for name, row in (("hotpotqa", HOTPOTQA), ("2wikimultihopqa", TWOWIKI), ("musique", MUSIQUE)):
        write_jsonl(given / f"{name}.jsonl", row)
        assert list(read_examples(folder, name, "test")) == list(read_examples(given, name, "test"))
    assert [question.id for question in read_questions(folder, "musique", "train")] == [
        MUSIQUE["id"],
        "2hop__4_5",
    ]
    assert read_questions(folder, "bamboogle", "test")[0].answers == ("Bob Ray", "Robert Ray")
    passages = list(fetched_passages(CorpusParams(include_benchmarks=False), folder))
    assert [(passage.title, passage.text) for passage in passages] == [
        (f"Title {n}", f"text {n}") for n in range(5)
    ]


def test_the_manifest_says_what_was_loaded(hub, tmp_path):
    manifest = fetch(hub, tmp_path / "fetch")
    entry = manifest["files"]["corpus"]
    assert manifest["source"] == "datasets"
    assert entry["dataset"] == {"name": "wiki", "config": None, "split": "train", "revision": "v1"}
    assert entry["sha256"] == sha256_file(tmp_path / "fetch" / "corpus.jsonl")
    assert json.loads((tmp_path / "fetch" / "manifest.json").read_text()) == manifest
    assert [row for _, row in read_jsonl(tmp_path / "fetch" / "corpus.jsonl")] == CORPUS


@pytest.mark.parametrize("row", [MUSIQUE, HOTPOTQA, TWOWIKI, BAMBOOGLE, CORPUS[0]])
def test_a_published_row_stays_as_it_is(row):
    assert published_row(row) == row


def test_evidences_as_a_mapping_of_lists_are_the_same_triples():
    columns = dict(
        zip(("fact", "relation", "entity"), map(list, zip(*TWOWIKI["evidences"], strict=True)), strict=True)
    )
    assert published_row({**on_the_hub(TWOWIKI), "evidences": columns})["evidences"] == TWOWIKI["evidences"]


@pytest.mark.parametrize(
    ("key", "dataset", "problem"),
    [
        (
            "squad",
            DatasetParams("musique", split="train"),
            "fetch.datasets: unknown key 'squad'; known: musique_train",
        ),
        (
            "musique",
            DatasetParams("owner/name", split="train"),
            r"^owner/name: fetch\.datasets\.musique\.revision",
        ),
        (
            "musique",
            DatasetParams("no-such", split="train", revision="main"),
            r"^no-such: fetch\.datasets\.musique",
        ),
        (
            "musique",
            DatasetParams("musique", split="dev"),
            r"fetch\.datasets\.musique: cannot be read \(dev\)",
        ),
        (
            "musique",
            DatasetParams("musique", "x", "train"),
            r"fetch\.datasets\.musique: cannot be read \(x train\)",
        ),
        ("hotpotqa", DatasetParams("musique", split="train"), r"hotpotqa\.jsonl, line 1: field"),
    ],
)
def test_what_cannot_be_loaded_is_one_error_that_names_parameter_and_dataset(
    hub, tmp_path, key, dataset, problem
):
    hub.datasets = {key: dataset}
    with pytest.raises(DataError, match=problem) as raised:
        fetch(hub, tmp_path / "fetch")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "fetch").exists()


def test_a_damaged_file_is_reported_with_its_dataset(hub, tmp_path):
    (tmp_path / "hub" / "musique" / "musique_ans_v1.0_dev.jsonl").write_text('{"id": "a"\n{{')
    hub.datasets = {"musique": hub.datasets["musique"]}
    with pytest.raises(
        DataError, match=r"musique: fetch\.datasets\.musique: cannot be read \(validation\): "
    ):
        fetch(hub, tmp_path / "fetch")


def test_no_dataset_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"fetch\.datasets: empty, and fetch\.source is datasets"):
        fetch(FetchParams(source="datasets"), tmp_path / "fetch")


def test_rows_are_streamed(hub, tmp_path, monkeypatch):
    """Nothing is prepared in the library's cache: no row is stored but in the file."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    hub.datasets = {"corpus": hub.datasets["corpus"]}
    fetch(hub, tmp_path / "fetch")
    assert not list((tmp_path / "cache").rglob("*.arrow"))


def test_training_questions_that_are_moved_come_from_no_data_set_of_their_own(hub, tmp_path):
    rows = [
        {**MUSIQUE, "id": f"q{number}", "question_decomposition": hops}
        for number in range(4)
        for hops in [[{**hop, "id": f"{number}{hop['id']}"} for hop in MUSIQUE["question_decomposition"]]]
    ]
    for row in rows:
        for number, hop in enumerate(row["question_decomposition"]):
            hop["question"] = f"{row['id']} {number} >> x"
    write_jsonl(tmp_path / "hub" / "musique" / "musique_ans_v1.0_dev.jsonl", *rows)
    params = replace(hub, datasets={"musique": hub.datasets["musique"]}, training_share=0.5)
    manifest = fetch(params, tmp_path / "fetch")
    assert manifest["files"]["musique_train"]["rows"] == 2
    assert "dataset" not in manifest["files"]["musique_train"]
    assert manifest["files"]["musique"]["dataset"]["name"] == "musique"
