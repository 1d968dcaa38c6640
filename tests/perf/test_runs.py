import json

import pytest

from perf.runs import rows_of

POINTS = [{"name": name} for name in "abc"]


def test_rows_are_made_once_and_kept_as_they_are_made(tmp_path):
    file, made = tmp_path / "in" / "rows.jsonl", []

    def run(point):
        made.append(point["name"])
        return {"value": ord(point["name"])}

    file.parent.mkdir()
    file.write_text('{"name": "b", "value": 7}\n{"name": "z", "value": 8}\n')
    rows = rows_of(POINTS, file, run)
    assert sorted(made) == ["a", "c"]
    assert sorted((row["name"], row["value"]) for row in rows) == [("a", 97), ("b", 7), ("c", 99)]
    assert len(file.read_text().splitlines()) == 4  # what is no point of these stays
    assert rows_of(POINTS, file, run) == rows
    assert sorted(made) == ["a", "c"]


def test_what_others_made_is_kept_when_one_fails(tmp_path):
    file = tmp_path / "rows.jsonl"

    def run(point):
        if point["name"] == "a":
            raise RuntimeError("broken")
        return {}

    with pytest.raises(RuntimeError, match="broken"):
        rows_of(POINTS, file, run)
    assert sorted(json.loads(line)["name"] for line in file.read_text().splitlines()) == ["b", "c"]
