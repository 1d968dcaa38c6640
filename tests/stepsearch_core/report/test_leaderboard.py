import csv
import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_file
from stepsearch_core.base.io import write_json
from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.report.leaderboard import leaderboard_rows, read_evaluated, write_leaderboard
from tests.report_data import cell, make_evaluated


@pytest.fixture
def rows(metrics):
    return leaderboard_rows(metrics, make_evaluated())


def test_a_row_for_each_policy_data_set_and_measure_that_has_a_value(rows, metrics):
    wanted = {
        (policy, column, key)
        for policy in ("warmstart", "trained", "gold_questions")
        for column in ("musique", "bamboogle", "mean")
        for key in EVALUATED
        if metrics[policy][column][key]["value"] is not None
    }
    assert {(row["policy"], row["dataset"], row["metric"]) for row in rows} == wanted
    assert len(rows) == len(wanted) == 3 * 3 * (len(EVALUATED) - 4)


def test_a_row_is_complete(rows):
    found = [
        row for row in rows if (row["policy"], row["dataset"], row["metric"]) == ("trained", "musique", "f1")
    ]
    assert found == [
        {
            "task": "question answering with search",
            "dataset": "musique",
            "dataset_name": "MuSiQue",
            "source": "hub/musique",
            "config": "full",
            "split": "validation",
            "data": "c8f4",
            "sha256": "0" * 64,
            "in_training": 1,
            "hop_in_training": 0,
            "metric": "f1",
            "metric_name": "F1",
            "policy": "trained",
            "value": 0.625,
            "low": 0.575,
            "high": 0.675,
            "confidence": 0.95,
            "n": 4,
            "corpus": "c" * 64,
            "passages": 1234,
            "of_questions": 56,
            "index": "1" * 64,
            "retrieval": "bm25",
            "protocol": "agent",
            "prompt": "minimal",
            "max_searches": 4,
            "changes": [],
            "code": "a" * 40,
            "model": "d" * 64,
            "model_source": "data/train/policy",
            "model_revision": None,
            "remarks": [
                "Benchmarks in the corpus: 56 of 1,234 passages <are>",
                "Contamination: 1 of 4 questions",
            ],
        }
    ]


def test_a_file_without_revision_is_known_by_its_hash_and_a_remark_stands_where_it_belongs(rows):
    bamboogle = next(row for row in rows if row["dataset"] == "bamboogle")
    assert (bamboogle["source"], bamboogle["data"]) == ("given file", "0" * 64)
    assert [remark.split(":")[0] for remark in bamboogle["remarks"]] == ["Benchmarks in the corpus"]


def test_of_a_policy_of_others_it_is_not_known_what_it_was_trained_on(metrics):
    evaluated = make_evaluated()
    for policies in (metrics, evaluated["policies"], evaluated["provenance"]["policies"]):
        policies["released"] = policies.pop("trained")
    musique = [row for row in leaderboard_rows(metrics, evaluated) if row["dataset"] == "musique"]
    known = {row["policy"]: (row["in_training"], row["hop_in_training"]) for row in musique}
    assert known == {"warmstart": (1, 0), "gold_questions": (1, 0), "released": (None, None)}
    said = next(row["remarks"] for row in musique if row["policy"] == "released")
    assert said == ["Benchmarks in the corpus: 56 of 1,234 passages <are>"]


def test_a_mean_names_the_data_sets_it_is_over(metrics):
    metrics["gold_questions"]["bamboogle"] = {key: cell(None) for key in metrics["trained"]["bamboogle"]}
    means = {
        row["policy"]: row["dataset_name"]
        for row in leaderboard_rows(metrics, make_evaluated())
        if (row["dataset"], row["metric"]) == ("mean", "f1")
    }
    both = "Mean of MuSiQue, Bamboogle"
    assert means == {"warmstart": both, "trained": both, "gold_questions": "Mean of MuSiQue"}


def test_without_a_commit_the_version_and_with_a_service_its_index(metrics):
    evaluated = make_evaluated()
    evaluated["provenance"]["code"]["commit"] = None
    evaluated["fingerprint"]["service"] = {"index": "5" * 64}
    row = leaderboard_rows(metrics, evaluated)[0]
    assert (row["code"], row["index"]) == ("0.2.0", "5" * 64)


def test_the_three_files_hold_the_same_rows(metrics, tmp_path):
    evaluated = make_evaluated()
    evaluated["provenance"]["policies"]["trained"]["changes"] = ["environment.max_searches=4", "rollout.a=1"]
    rows = leaderboard_rows(metrics, evaluated)
    write_leaderboard(rows, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == rows
    with (tmp_path / "results.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    for row, found in zip(rows, read, strict=True):
        text = {key: "" if value is None else str(value) for key, value in row.items()}
        assert found == text | {key: "; ".join(row[key]) for key in ("changes", "remarks")}
    lines = (tmp_path / "results.md").read_text().splitlines()
    assert lines[0] == "Question answering with search; 95% intervals."
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(rows)
    assert {line.count("|") for line in table} == {17}
    (row,) = [line for line in table if "| MuSiQue | hub/musique | validation | F1 | trained |" in line]
    assert "| trained | agent | 4 | environment.max_searches=4, rollout.a=1 |" in row
    assert (
        "| 0.625 (0.575 to 0.675) | 4 | c8f4 | cccccccccccc… | 56 | 111111111111… | aaaaaaaaaaaa… |" in row
    )
    assert lines[-1] == "Contamination: 1 of 4 questions."


def test_an_evaluation_that_does_not_say_what_it_measured_is_refused(tmp_path):
    path = tmp_path / "evaluate" / "evaluated.json"
    write_json(path, make_evaluated())
    (tmp_path / "timings").mkdir()
    for digest, commit in ((sha256_file(path), "a" * 40), ("another", None)):
        (tmp_path / "timings" / "evaluate.commit").write_text(f"{digest} {'a' * 40}\n")
        expected = make_evaluated()
        expected["provenance"]["code"]["commit"] = commit
        assert read_evaluated(path) == expected
    write_json(path, {"policies": {}, "fingerprint": {}})
    with pytest.raises(DataError, match="evaluate again"):
        read_evaluated(path)
    with pytest.raises(DataError, match="no such file"):
        read_evaluated(tmp_path / "none.json")
