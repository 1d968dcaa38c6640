from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import EvaluateParams, Params
from tasks.report import main
from tests.report_data import write_others, write_outputs


def test_the_stage_writes_page_and_tables_and_says_where(tmp_path, monkeypatch, capsys):
    write_outputs(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    main(Params(profile="tiny"))
    assert sorted(path.name for path in (tmp_path / "data" / "report").iterdir()) == [
        "curves.svg",
        "index.html",
        "results.md",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Training raised mean F1 from 0.250 to 0.625: +0.375 (95% interval +0.325 to +0.425).",
        f"report: {Path('data/report/index.html')}",
    ]


def test_the_same_outputs_make_the_same_page(tmp_path, monkeypatch):
    write_outputs(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "data" / "report" / "index.html"
    main(Params(profile="tiny"))
    first = page.read_bytes()
    main(Params(profile="tiny"))
    assert page.read_bytes() == first


def test_nothing_is_written_when_an_output_is_missing(tmp_path, monkeypatch):
    write_outputs(tmp_path / "data")
    (tmp_path / "data" / "train" / "metrics.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"data/train/metrics\.jsonl: no such file"):
        main(Params(profile="tiny"))
    assert not (tmp_path / "data" / "report").exists()


def test_policies_of_others_alone_have_a_report_without_curves(tmp_path, monkeypatch, capsys):
    write_others(tmp_path / "data", "released", "search_r1")
    monkeypatch.chdir(tmp_path)
    main(Params(profile="test", evaluate=EvaluateParams(after="index")))
    made = sorted(path.name for path in (tmp_path / "data" / "report").iterdir())
    assert made == ["index.html", "results.md"]
    assert capsys.readouterr().out.startswith("Mean F1, with 95% intervals: released 0.625")
