import json
import operator
from functools import partial

from perf.measure import in_turn, median_of_pairs, report, seconds, sha256_of


def test_sides_run_in_turn():
    order: list[str] = []

    def called(name: str) -> int:
        order.append(name)
        return len(order)

    sides = {name: partial(called, name) for name in ("one", "other")}
    assert in_turn(sides, 2) == {"one": [1, 3], "other": [2, 4]}
    assert order == ["one", "other", "one", "other"]


def test_the_median_is_of_pairs_and_not_of_sides():
    # ratios 2, 5, 1
    assert median_of_pairs(operator.truediv, [4.0, 10.0, 3.0], [2.0, 2.0, 3.0]) == 2.0
    assert median_of_pairs(operator.sub, [5.0, 1.0, 9.0], [1.0, 0.0, 9.0]) == 1.0


def test_seconds_are_those_of_the_call():
    assert 0 <= seconds(lambda: None) < 0.1


def test_the_hash_depends_on_the_content_of_files(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1")
    before = sha256_of([file, {"b": 1, "a": [2]}])
    assert before == sha256_of([file, {"a": [2], "b": 1}])
    file.write_text("seed: 2")
    assert before != sha256_of([file, {"a": [2], "b": 1}])


def test_a_report_is_a_table_and_one_line_of_json(capsys):
    interval = {"value": 0.25, "low": 0.125, "high": 0.375, "n": 8}
    report("name", {"ratio": 2.0, "gain": interval}, {"one": [4.0, 8.0, 6.0], "two": 3.0}, 3, "work", rows=5)
    *table, last = capsys.readouterr().out.splitlines()
    assert [line.split() for line in table] == [
        ["ratio", "2"],
        ["gain", "+0.250", "[+0.125,", "+0.375]", "n", "=", "8"],
        ["one", "6"],
        ["two", "3"],
    ]
    assert json.loads(last) == {
        "perf": "name",
        "figures": {"ratio": 2.0, "gain": interval},
        "both_sides": {"one": [4.0, 8.0, 6.0], "two": 3.0},
        "workload": {"repeats": 3, "sha256": sha256_of("work"), "rows": 5},
    }
