import json

import pytest

from stepsearch_core.cli import main
from stepsearch_core.profiles import activate
from tests.checkout import link_checkout
from tests.import_graph import ROOT


@pytest.mark.slow
def test_the_doctor_prints_what_there_is_and_ends_with_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(link_checkout(tmp_path))
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  fe")
    with pytest.raises(SystemExit, match="1"):
        main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("system ")
    assert "error: dvc.lock: damaged: DVC refuses to start -> python -m tasks.repair" in lines
    assert " errors, " in lines[-1] or "1 error, " in lines[-1]


@pytest.mark.slow
def test_for_an_issue_it_prints_json_without_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(link_checkout(tmp_path))
    activate("micro", folder=ROOT / "conf")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["facts"]["profile"] == "micro (params.yaml)"
    assert ended.value.code == any(finding["severity"] == "error" for finding in told["findings"])
    assert str(tmp_path) not in json.dumps(told)
