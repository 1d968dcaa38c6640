import json

import pytest

from stepsearch_core.cli import main
from stepsearch_core.metrics.measures import EVALUATED

CELL = {"value": 0.25, "low": 0.125, "high": 0.5, "n": 20}


@pytest.fixture
def data(tmp_path):
    values = {benchmark: dict.fromkeys(EVALUATED, CELL) for benchmark in ("musique", "mean")}
    (tmp_path / "evaluate").mkdir()
    metrics = dict.fromkeys(("warmstart", "trained", "gain"), values)
    (tmp_path / "evaluate" / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


def test_show_prints_the_table_and_where_the_report_lies(data, capsys):
    main(["show", "--data", str(data)])
    printed = capsys.readouterr().out
    assert "ran here" not in printed
    assert "Trained" in printed
    assert "0.250" in printed
    assert printed.splitlines()[-1] == f"report: {data / 'report' / 'index.html'}"


def test_show_says_how_long_stages_took_where_they_ran(data, capsys):
    (data / "timings").mkdir()
    (data / "timings" / "index.json").write_text('{"build": 1.25, "term_statistics": 2}')
    main(["show", "--data", str(data)])
    assert "index, when it last ran here: build 1.2 s, term statistics 2.0 s" in capsys.readouterr().out


def test_show_without_results_is_one_line(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main(["show", "--data", str(tmp_path)])
    assert stopped.value.code == f"stepsearch: {tmp_path / 'evaluate' / 'metrics.json'}: no such file"
