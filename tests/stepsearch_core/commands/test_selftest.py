import json
import re

import pytest
import torch

from stepsearch_core.cli import main
from stepsearch_core.doctor.trials import TRIALS
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.profiles import load_profile
from tests.import_graph import ROOT


@pytest.mark.slow
def test_some_trials_and_the_file_for_an_issue(tmp_path, capsys):
    file = tmp_path / "selftest.json"
    with pytest.raises(SystemExit) as ended:
        main(["selftest", "process_group", "faiss_gpu", "--out", str(file)])
    assert ended.value.code == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("process_group           ok: backend ")
    assert second.startswith("faiss_gpu ")
    assert last.endswith(f"all of it is in {file}")
    written = json.loads(file.read_text())
    assert [trial["name"] for trial in written["trials"]] == ["process_group", "faiss_gpu"]
    if not torch.cuda.is_available():
        assert written["trials"][1]["status"] == "not here"


def test_a_trial_that_there_is_not(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["selftest", "perpetual_motion"])
    assert "no trial 'perpetual_motion'; there are: process_group, " in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_an_error_before_the_work(tmp_path, capsys):
    (tmp_path / "file").touch()
    for name, problem in (("file/selftest.json", "cannot be written: "), (".", "is a folder")):
        with pytest.raises(SystemExit, match=problem):
            main(["selftest", "process_group", "--out", str(tmp_path / name)])
    assert not capsys.readouterr().out


@pytest.mark.slow
def test_trials_have_names_of_their_own_and_parameters_that_there_are():
    assert len({trial.name for trial in TRIALS}) == len(TRIALS)
    for trial in TRIALS:
        load_profile(DEFAULTS, trial.overrides)


def test_the_page_about_the_first_hour_has_every_trial():
    page = (ROOT / "docs" / "first_hour.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(trial.name, trial.meaning) for trial in TRIALS]
