import os
import time
from pathlib import Path

import pytest
from dvc.repo import Repo
from prefect.logging import disable_run_logger

from flows import train_stepsearch as flows
from stepsearch_core.params import ParamsError
from tests.import_graph import ROOT

TOY = """
stages:
  second:
    cmd: cp one two
    deps: [one]
    outs: [two]
  first:
    cmd: echo hello > one
    outs: [one]
  broken:
    cmd: echo this is why && exit 3
    deps: [two]
  endless:
    cmd: echo $$ > pid && echo started && sleep 300
    deps: [two]
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A DVC project of four small stages as the working directory."""
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "dvc.yaml").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_stages_come_after_what_they_depend_on(monkeypatch):
    monkeypatch.chdir(ROOT)
    order = ["fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate", "report"]
    assert flows.stages_in_order() == order


@pytest.mark.slow
def test_a_stage_runs_alone_and_only_when_out_of_date(toy):
    with disable_run_logger():
        flows.run_stage.fn("first")
        assert (toy / "one").read_text() == "hello\n"
        assert not (toy / "two").exists()
        flows.run_stage.fn("second")
        written = (toy / "two").stat().st_mtime_ns
        flows.run_stage.fn("second")
    assert (toy / "two").stat().st_mtime_ns == written


def test_a_failed_stage_says_which_and_why(toy):
    (toy / "two").write_text("")
    with disable_run_logger(), pytest.raises(flows.StageError, match=r"(?s)^stage broken failed .*this is why"):
        flows.run_stage.fn("broken")


def test_an_interrupted_stage_leaves_no_process_behind(toy, monkeypatch):
    (toy / "two").write_text("")

    class Interrupted:
        def info(self, line: str) -> None:
            if line == "started":
                raise KeyboardInterrupt

    monkeypatch.setattr(flows, "get_run_logger", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        flows.run_stage.fn("endless")
    pid = int((toy / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


@pytest.mark.parametrize(("profile", "overrides"), [("huge", None), (None, ["train.steps=1"])])
def test_bad_parameters_stop_the_flow_before_any_stage(toy, profile, overrides):
    with pytest.raises(ParamsError):
        flows.train_stepsearch.fn(profile, overrides)
    assert not (toy / "one").exists()
