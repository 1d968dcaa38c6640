import json
import re

import pytest

from stepsearch_core.cli import main
from stepsearch_core.metrics.measures import EVALUATED
from tests.import_graph import ROOT

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


def test_profile_says_what_is_active(tmp_path, monkeypatch, capsys):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "small.yaml").write_text("base: defaults\n")
    monkeypatch.chdir(tmp_path)
    main(["profile", "small", "train.steps=5"])
    assert capsys.readouterr().out.startswith("params.yaml is now the profile small with train.steps=5")
    assert "steps: 5" in (tmp_path / "params.yaml").read_text()


def test_a_bad_override_is_one_line_that_names_the_key(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "small.yaml").write_text("base: defaults\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^stepsearch: .*train\.stepz: Key 'stepz' not in"):
        main(["profile", "small", "train.stepz=5"])


def test_plan_prints_what_a_profile_needs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    main(["plan", "paper_3b"])
    printed = capsys.readouterr().out
    assert "3,085,938,688 parameters" in printed
    assert "each of 8 GPUs of 80 GB" in printed


def test_plan_refuses_what_cannot_fit_in_one_line(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "single_gpu", "hardware.gpu_memory_gb=16"])
    assert re.fullmatch(
        r"stepsearch: does not fit: memory of each GPU: 2\d\.\d\d GB needed, 15\.20 GB available \(.*\)",
        str(stopped.value.code),
    )


@pytest.mark.parametrize("command", [[], ["show"], ["profile"], ["plan"], ["check"]])
def test_help_names_every_command_and_option(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert "usage: stepsearch" in capsys.readouterr().out


def test_a_stage_that_is_none_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--from", "nosuch"])
    assert (
        "argument --from: invalid choice: 'nosuch' (choose from 'fetch', 'corpus'" in capsys.readouterr().err
    )
