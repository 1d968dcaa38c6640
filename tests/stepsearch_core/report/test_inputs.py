import json
import shutil

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json
from stepsearch_core.report.inputs import (
    benchmarks_of,
    policies_of,
    read_inputs,
    read_metrics,
    read_provenance,
    read_timings,
)
from tests.report_data import make_provenance


def test_everything_is_read(data):
    inputs = read_inputs(data)
    assert policies_of(inputs.metrics) == ["warmstart", "trained", "gold_questions"]
    assert benchmarks_of(inputs.metrics) == ["musique", "bamboogle"]
    assert list(inputs.records["trained"]["musique"]) == ["musique-0", "musique-1", "musique-2", "musique-3"]
    assert len(inputs.training.log) == 4
    assert [(made.step, made.tokens is None) for made in inputs.training.kept] == [
        (1, False),
        (1, False),
        (10, False),
        (10, True),
    ]


def test_timings_are_named_by_stage(tmp_path):
    assert read_timings(tmp_path / "timings") == {}
    speeds = {"queries_a_second": {"bm25": 900.0}}
    write_json(tmp_path / "timings" / "evaluate.json", {"gold_questions": 1.25, **speeds})
    assert read_timings(tmp_path / "timings") == {"evaluate": {"gold_questions": 1.25}}


@pytest.mark.parametrize(
    "name",
    [
        "evaluate/metrics.json",
        "evaluate/records/gold_questions/bamboogle.jsonl",
        "train/metrics.jsonl",
        "warmstart/metrics.jsonl",
        "index/report.json",
        "synthesize/report.json",
        "fetch/manifest.json",
    ],
)
def test_a_missing_file_is_named(data, name):
    (data / name).unlink()
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_inputs(data)


def test_a_policy_that_did_not_answer_a_benchmark_needs_no_records(data, metrics):
    metrics["gold_questions"]["bamboogle"]["f1"] = {"value": None, "low": None, "high": None, "n": 0}
    write_json(data / "evaluate" / "metrics.json", metrics)
    shutil.move(data / "evaluate/records/gold_questions/bamboogle.jsonl", data / "gone.jsonl")
    assert list(read_inputs(data).records["gold_questions"]) == ["musique"]


@pytest.mark.parametrize("kept", [0, 3])
def test_records_that_are_not_those_measured_are_refused(data, kept):
    path = data / "evaluate/records/trained/musique.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:kept]))
    with pytest.raises(DataError, match=rf"musique\.jsonl: {kept} records, but metrics\.json is of 4"):
        read_inputs(data)


def test_metrics_without_the_gain_are_refused(data, metrics):
    del metrics["gain"]
    write_json(data / "evaluate" / "metrics.json", metrics)
    with pytest.raises(DataError, match=r"gain\.mean"):
        read_metrics(data / "evaluate" / "metrics.json")


def test_a_damaged_metric_is_named(data, metrics):
    del metrics["trained"]["musique"]["em"]["low"]
    write_json(data / "evaluate" / "metrics.json", metrics)
    with pytest.raises(DataError, match=r"trained\.musique\.em"):
        read_metrics(data / "evaluate" / "metrics.json")


def test_a_damaged_pair_is_named(data, metrics):
    del metrics["paired"]["trained - warmstart"]["mean"]["f1"]["p_holm"]
    write_json(data / "evaluate" / "metrics.json", metrics)
    with pytest.raises(DataError, match=r"paired\.trained - warmstart\.mean\.f1.*n, p and p_holm"):
        read_metrics(data / "evaluate" / "metrics.json")


def test_what_metrics_are_of_may_be_missing_but_not_damaged(data):
    path = data / "evaluate" / "evaluated.json"
    assert read_provenance(path) == make_provenance()
    write_json(path, {"policies": {}, "provenance": {"benchmarks": {}}})
    with pytest.raises(DataError, match=r"evaluated\.json: .*'provenance'"):
        read_provenance(path)
    without = make_provenance()
    del without["benchmarks"]["bamboogle"]["config"]
    write_json(path, {"policies": {}, "provenance": without})
    with pytest.raises(
        DataError, match=r"'provenance\.benchmarks\.bamboogle'.*config missing: evaluate again"
    ):
        read_provenance(path)
    earlier = make_provenance()
    for asked in earlier["policies"].values():
        del asked["max_searches"], asked["changes"]
    write_json(path, {"policies": {}, "provenance": earlier})
    with pytest.raises(DataError, match=r"warmstart'.*changes, max_searches missing: evaluate again"):
        read_provenance(path)
    write_json(path, {"policies": {}})
    assert read_provenance(path) is None
    path.unlink()
    assert read_provenance(path) is None


def test_a_record_without_turns_is_named_by_line(data):
    path = data / "evaluate/records/trained/musique.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[1]["turns"]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"musique\.jsonl, line 2: field 'turns'"):
        read_inputs(data)
