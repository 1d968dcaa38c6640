import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from stepsearch_core.base.ranks import LauncherError
from stepsearch_core.params import Params
from tasks.launch import launch
from tests.checkout import link_checkout
from tests.import_graph import ROOT
from tests.profiles import whole

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | {
    "PYTHONPATH": str(ROOT),
    "TQDM_DISABLE": "1",
}


def start(*command, cwd=ROOT):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=cwd, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True
    )


def finish(process):
    """Exit status, standard output and errors."""
    out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


def test_one_process_works_right_here():
    seen = []
    launch("stage", seen.append, params := Params(profile="none"), 1)
    assert seen == [params]


def test_a_rank_of_another_launcher_works_right_here_and_starts_none(monkeypatch):
    for name, value in (("RANK", "1"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    seen = []
    launch("stage", seen.append, params := Params(profile="none"), 2)
    assert seen == [params]
    with pytest.raises(LauncherError, match=r"stage\.processes is 3, but 2 were started: start 3, or set"):
        launch("stage", seen.append, params, 3)
    assert seen == [params]


@pytest.mark.slow
def test_ranks_are_numbered_and_have_one_thread_each():
    status, out, errors = finish(start("tests.launched", "ends"))
    assert (status, errors) == (0, "")
    assert sorted(out.splitlines()) == ["rank 0 of 2: 1", "rank 1 of 2: 1"]


@pytest.mark.slow
def test_ranks_wait_for_one_that_takes_its_time():
    status, out, errors = finish(start("tests.launched", "one_takes_its_time"))
    assert (status, errors, out.split()) == (0, "", ["done", "done"])


@pytest.mark.slow
def test_bad_input_on_one_rank_is_one_line():
    status, _, errors = finish(start("tests.launched", "one_fails"))
    assert status == 1
    assert "stage: there.jsonl, line 7: bad line\n" in errors
    assert errors.count("bad line") == 1
    assert "Traceback" not in errors


@pytest.mark.slow
def test_an_error_that_explains_itself_is_one_line():
    status, _, errors = finish(start("tests.launched", "stops"))
    assert (status, errors) == (1, "stage: the retriever is down\n")


@pytest.mark.slow
def test_a_mistake_comes_with_its_traceback_once():
    status, _, errors = finish(start("tests.launched", "breaks"))
    assert status == 1
    assert errors.count("RuntimeError: a mistake with seed 3") == 1
    assert "tests/launched.py" in errors


@pytest.mark.slow
@pytest.mark.parametrize("name", [signal.SIGKILL, signal.SIGTERM])
def test_the_ranks_die_with_the_stage(name):
    process = start("tests.launched", "waits")
    ranks = [psutil.Process(int(process.stdout.readline())) for _ in range(2)]
    process.send_signal(name)
    assert process.wait(timeout=60) != 0
    deadline = time.monotonic() + 60
    while any(rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_stage_without_its_inputs_says_so_once(tmp_path):
    (link_checkout(tmp_path) / "params.yaml").write_text(whole("micro", "train.processes=2"))
    status, _, errors = finish(start("tasks.train", cwd=tmp_path))
    assert status == 1
    assert errors.strip().splitlines() == [errors.strip()]
    assert errors.startswith("train: data/corpus")
