import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest
from dvc.repo import Repo
from prefect.logging import disable_run_logger
from prefect.states import exception_to_failed_state

from flows import stages
from tasks import processes
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
    assert stages.stages_in_order() == order


@pytest.mark.slow
def test_a_stage_runs_alone_and_only_when_out_of_date(toy):
    with disable_run_logger():
        stages.run_stage.fn("first")
        assert (toy / "one").read_text() == "hello\n"
        assert not (toy / "two").exists()
        stages.run_stage.fn("second")
        written = (toy / "two").stat().st_mtime_ns
        stages.run_stage.fn("second")
    assert (toy / "two").stat().st_mtime_ns == written


@pytest.mark.slow
def test_a_dvc_lock_that_a_kill_left_empty_is_mended_first(toy):
    (toy / "dvc.lock").write_text("")
    with disable_run_logger():
        stages.run_stage.fn("first")
    assert (toy / "one").read_text() == "hello\n"


@pytest.mark.slow
def test_a_failed_stage_says_which_and_why(toy):
    (toy / "two").write_text("")
    with (
        disable_run_logger(),
        pytest.raises(stages.StageError, match=r"(?s)^stage broken failed .*this is why"),
    ):
        stages.run_stage.fn("broken")


@pytest.mark.slow
def test_an_interrupted_stage_leaves_no_process_behind(toy, monkeypatch):
    (toy / "two").write_text("")

    class Interrupted:
        def info(self, line: str) -> None:
            if line == "started":
                raise KeyboardInterrupt

    monkeypatch.setattr(stages, "get_run_logger", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        stages.run_stage.fn("endless")
    pid = int((toy / "pid").read_text())
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


@pytest.mark.slow
def test_nothing_is_left_of_a_stage_that_ignores_the_request_to_end(toy, monkeypatch):
    (toy / "two").write_text("")
    monkeypatch.setattr(processes, "GRACE", 0.5)
    process = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > pid; sleep 300 & wait; sleep 300'"],
        start_new_session=True,
        text=True,
    )
    while not (toy / "pid").is_file() or not (toy / "pid").read_text().strip():
        time.sleep(0.02)
    processes.stop(process)
    assert not alive(int((toy / "pid").read_text()))


@pytest.mark.parametrize(
    ("status", "helps"),
    [(1, False), (2, False), (os.EX_TEMPFAIL, True), (137, True), (-9, True), (-15, True)],
)
def test_only_an_unreachable_network_or_a_killed_stage_is_tried_again(status, helps):
    state = asyncio.run(exception_to_failed_state(stages.StageError("fetch", status, [])))
    assert asyncio.run(stages.can_help(None, None, state)) is helps


@pytest.mark.slow
def test_a_stages_own_exit_status_is_told_from_that_of_dvc(toy):
    (toy / "two").write_text("")
    with disable_run_logger(), pytest.raises(stages.StageError) as caught:
        stages.run_stage.fn("broken")
    assert caught.value.status == 3


def test_progress_follows_the_lines_of_progress_bars():
    progress, seen = stages._Progress("train"), []
    progress._update = lambda percent, what: seen.append((percent, what))
    for line in (
        "train:  24%|##4  | 24/100",
        "plain text 40%",
        "warm start on x:   0%|  | 0/9",
        "starting",
        " 7%|#| 1/9",
    ):
        progress.read(line)
    progress.finish()
    assert seen == [(24.0, "train"), (0.0, "warm start on x"), (7.0, ""), (100.0, "finished")]
