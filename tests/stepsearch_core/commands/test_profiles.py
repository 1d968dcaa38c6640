import re

import pytest

from stepsearch_core.cli import main
from tests.import_graph import ROOT


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


def test_plan_refuses_an_index_that_is_none(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match=r"index_factory.*cannot make 'Bogus': could not parse"):
        main(["plan", "tiny", "retrieval.index_factory=Bogus"])


def test_plan_refuses_what_cannot_fit_in_one_line(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stopped:
        main(["plan", "single_gpu", "hardware.gpu_memory_gb=12"])
    assert re.fullmatch(
        r"stepsearch: does not fit: memory of each GPU: 1\d\.\d\d GB needed, 11\.40 GB available \(.*\)",
        str(stopped.value.code),
    )


def test_a_stage_that_is_none_is_refused_with_those_that_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--from", "nosuch"])
    assert (
        "argument --from: invalid choice: 'nosuch' (choose from 'fetch', 'corpus'" in capsys.readouterr().err
    )
