import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.data.row import Row
from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.rollout.records import QuestionRecord, read_records, write_records
from tests.report_data import make_record


def changed(value, *path, to):
    """A copy with the value at `path` replaced; with `to=...` it is left out."""
    copied = json.loads(json.dumps(value))
    *outer, last = path
    inner = copied
    for key in outer:
        inner = inner[key]
    if to is ...:
        del inner[last]
    else:
        inner[last] = to
    return copied


def read(value):
    return QuestionRecord.from_json(Row("file, line 1", value))


def test_what_is_written_is_read_again(tmp_path):
    rows = [make_record("musique", number, 1.0) for number in range(3)]
    rows[1] |= {"prediction": None, "samples": 4, "searches": 1.25}
    rows[1]["turns"][1] |= {"action": "invalid", "reason": "no action"}
    records = list(map(read, rows))
    write_records(tmp_path, {"musique": records})
    assert list(read_records(tmp_path / "musique.jsonl").values()) == records
    written = [json.loads(line) for line in (tmp_path / "musique.jsonl").read_text("utf-8").splitlines()]
    assert written == rows
    assert [type(row["searches"]) for row in written] == [int, float, int]  # counts stay whole


def test_measures_that_earlier_versions_did_not_write_are_unknown():
    row = make_record("musique", 0, 0.5)
    del row["cover_em"], row["over_search"]
    measures = read(row).measures
    assert (measures["cover_em"], measures["over_search"], measures["f1"]) == (None, None, 0.5)


def test_hops_that_earlier_versions_wrote_have_no_supports():
    row = make_record("musique", 0, 0.5)
    assert read(row).hops[0].support_ids == ("a",)
    del row["hops"][0]["support_ids"]
    assert read(row).hops[0].support_ids == ()


def test_measures_are_those_of_the_table():
    record = read(make_record("musique", 0, 0.5))
    assert list(record.measures) == list(EVALUATED)
    assert (record.measures["f1"], record.measures["support_recall"]) == (0.5, None)


def test_samples_are_named_only_if_there_are_several():
    value = make_record("musique", 0, 1.0)
    assert (read(value).samples, "samples" in read(value).to_json()) == (1, False)
    assert read(value | {"samples": 3}).to_json()["samples"] == 3


@pytest.mark.parametrize(
    ("path", "to", "problem"),
    [
        (("question",), ..., "field 'question': missing"),
        (("f1",), ..., "field 'f1': missing"),
        (("searches",), "two", "field 'searches': expected a number, found str"),
        (("prediction",), 7, "field 'prediction': expected text, found int"),
        (("stop_reason",), "tired", "field 'stop_reason': 'tired' is not one of 'answered', 'turn_limit'"),
        (("hops",), 2, "field 'hops': expected a list, found int"),
        (("rewards",), [], "field 'rewards': expected an object, found list"),
        (("rewards", "search_key"), None, "field 'rewards.search_key': expected a number, found NoneType"),
        (("turns", 0, "reason"), "bored", r"field 'turns\[0\]\.reason': 'bored' is not one of"),
        (("turns", 0, "redundancy"), True, r"field 'turns\[0\]\.redundancy': expected a number, found bool"),
        (
            ("turns", 0, "passages", 1, "cut"),
            0,
            r"field 'turns\[0\]\.passages\[1\]\.cut': expected true or false, found int",
        ),
    ],
)
def test_damage_is_named_with_line_and_field(tmp_path, path, to, problem):
    good = make_record("musique", 0, 1.0)
    write_jsonl(tmp_path / "musique.jsonl", [good, changed(good, *path, to=to)])
    with pytest.raises(DataError, match=f"musique.jsonl, line 2: {problem}"):
        read_records(tmp_path / "musique.jsonl")


def test_a_benchmark_without_answers_has_an_empty_file(tmp_path):
    write_records(tmp_path, {"bamboogle": []})
    assert read_records(tmp_path / "bamboogle.jsonl") == {}
