"""The service as docs/service.md starts it: a real server, a process work pool, a worker, deployments by
command.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from stepsearch_core.base.io import read_jsonl, write_jsonl
from tests.checkout import STAGES, copy_checkout, run

pytestmark = pytest.mark.slow

POOL = "stepsearch"


class Service:
    """A server and a worker in a copy of this checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(folder),
            "PREFECT_HOME": str(folder / ".prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
        }
        self.processes: list[subprocess.Popen] = []

    def start(self, *command: str) -> None:
        with (self.folder / "service.log").open("a") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "prefect", *command],
                    cwd=self.folder,
                    env=self.env,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def prefect(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *command],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def api(self, path: str, body: dict | None = None):
        request = urllib.request.Request(
            f"{self.env['PREFECT_API_URL']}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def runs(self, **body) -> list[dict]:
        return self.api("flow_runs/filter", {"sort": "START_TIME_ASC", **body})

    def wait(self, condition, seconds: float = 120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := condition():
                return found
            time.sleep(0.3)
        raise AssertionError((self.folder / "service.log").read_text()[-4000:])

    def healthy(self) -> bool:
        try:
            return self.api("health") is True
        except OSError:
            return False

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGINT)
        for process in reversed(self.processes):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The page's commands, with the schedule off so that only what a test starts runs."""
    folder = copy_checkout(tmp_path_factory.mktemp("service"))
    service = Service(folder)
    service.start("server", "start", "--port", str(service.port))
    try:
        service.wait(service.healthy)
        service.prefect("work-pool", "create", POOL, "--type", "process")
        service.prefect("work-pool", "set-concurrency-limit", POOL, "1")
        service.prefect("deploy", "--all")
        for schedule in service.api("deployments/name/reevaluate/reevaluate")["schedules"]:
            service.prefect("deployment", "schedule", "pause", "reevaluate/reevaluate", schedule["id"])
        service.start("worker", "start", "--pool", POOL)
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def trained(service):
    """The output of `prefect deployment run ... --watch` on the micro profile, and its flow run."""
    output = service.prefect(
        *("deployment", "run", "train-stepsearch/train-stepsearch", "--param", "profile=micro", "--watch")
    )
    return output, service.runs()[0]


def artifacts(service: Service, flow_run: dict) -> dict[str, dict]:
    found = service.api("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run["id"]]}}})
    return {artifact["key"]: artifact for artifact in found}


def test_a_deployed_run_completes_and_leaves_results_curves_and_progress(service, trained):
    output, flow_run = trained
    assert "Completed" in output
    assert flow_run["state_type"] == "COMPLETED"
    left = artifacts(service, flow_run)
    assert "Warm start" in left["results"]["data"]
    assert left["curves"]["data"].startswith("data:image/svg+xml;base64,")
    assert str(service.folder / "data" / "report" / "index.html") in left["report"]["data"]
    assert {key: left[key]["data"] for key in left if key.startswith("progress-")} == {
        f"progress-{stage}": 100.0 for stage in STAGES
    }
    tasks = service.api("task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run["id"]]}}})
    assert sorted(task["name"] for task in tasks) == sorted(STAGES)


def test_the_same_seed_gives_the_same_bytes_by_the_flow_and_by_dvc(service, trained, micro):
    """All outputs are alike, and so is dvc.lock, which names them: `dvc status` and git prove a
    reproduction.
    """
    for stage in STAGES:
        assert files(service.folder / "data" / stage) == files(micro / "data" / stage)
    assert (service.folder / "dvc.lock").read_bytes() == (micro / "dvc.lock").read_bytes()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_stages_log_is_the_runs_log(service, trained):
    flow_run = trained[1]
    logs = service.api("logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}, "limit": 200})
    lines = [log["message"] for log in logs]
    assert any(line.startswith("fetch: finished in") for line in lines)


@pytest.mark.nightly
def test_the_second_run_waits_until_the_first_has_ended(service, trained):
    service.prefect("deployment", "run", "train-stepsearch/train-stepsearch", "--param", "profile=micro")
    service.prefect("deployment", "run", "train-stepsearch/train-stepsearch", "--param", "profile=micro")
    first, second = service.wait(
        lambda: len(found := [run for run in service.runs() if run["id"] != trained[1]["id"]]) == 2 and found
    )
    spans = service.wait(lambda: ended_runs(service, [first["id"], second["id"]]))
    assert {run["state_type"] for run in spans} == {"COMPLETED"}
    spans.sort(key=lambda run: run["start_time"])
    assert spans[0]["end_time"] <= spans[1]["start_time"]


def test_a_cancelled_run_ends_the_stages_whole_process_group(service, trained):
    arguments = ("--param", 'overrides=["train.steps=400"]', "--param", "profile=micro")
    service.prefect(
        "deployment", "run", "train-stepsearch/train-stepsearch", *arguments, "--flow-run-name", "long"
    )
    long = service.wait(lambda: service.runs(flow_runs={"name": {"any_": ["long"]}}))[0]
    service.wait(lambda: training(service.folder))
    service.prefect("flow-run", "cancel", long["id"])
    state = service.wait(
        lambda: (run := service.api(f"flow_runs/{long['id']}"))["state_type"] == "CANCELLED" and run
    )
    assert state["state_name"] == "Cancelled"
    service.wait(lambda: not training(service.folder), 40)
    assert not [pid for pid in processes(service.folder) if "dvc" in pid[1]]


def processes(folder: Path) -> list[tuple[int, str]]:
    """Processes whose working directory is the folder, with their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").resolve() == folder:
                found.append((int(entry.name), (entry / "cmdline").read_text().replace("\0", " ")))
        except OSError:
            continue
    return found


def training(folder: Path) -> list[int]:
    return [pid for pid, command in processes(folder) if "tasks.train" in command and "sh -c" not in command]


def test_reevaluation_needs_a_promotion_then_finds_nothing_changed_then_a_drop(service, trained):
    without = service.prefect("deployment", "run", "reevaluate/reevaluate", "--watch", check=False)
    assert "Failed" in without
    run(service.folder, "stepsearch_core.cli", "profile", "micro")
    run(service.folder, "dvc", "repro")
    run(service.folder, "stepsearch_core.cli", "promote")
    assert "Completed" in service.prefect("deployment", "run", "reevaluate/reevaluate", "--watch")
    # as if it had once answered everything
    for path in (service.folder / "promoted" / "records").glob("*.jsonl"):
        rows = [
            {**row, "f1": 1.0, "em": 1.0, "prediction": row["answers"][0]} for _, row in read_jsonl(path)
        ]
        write_jsonl(path, rows)
    assert "Degraded" in service.prefect(
        "deployment", "run", "reevaluate/reevaluate", "--watch", check=False
    )
    last = service.runs(sort="START_TIME_DESC")[0]
    assert (last["state_type"], last["state_name"]) == ("FAILED", "Degraded")
    worst = json.loads(artifacts(service, last)["worst-questions"]["data"])
    assert worst[0]["f1_before"] == 1.0
    assert worst[0]["f1_now"] == 0.0
    history = [row["event"] for _, row in read_jsonl(service.folder / "reevaluations" / "history.jsonl")]
    assert history == ["promotion", "reevaluation", "reevaluation"]
    degraded = {
        "event": {"name": ["prefect.flow-run.Degraded"]},
        "occurred": {"since": "2020-01-01T00:00:00Z"},
    }
    # the server writes them later
    service.wait(lambda: service.api("events/filter", {"filter": degraded})["total"] >= 1)


def test_runs_that_become_due_behind_a_long_one_do_not_pile_up(service, trained):
    """Three became due: the first to start cancels the others, which would measure the same."""
    deployment = service.api("deployments/name/reevaluate/reevaluate")["id"]
    service.prefect("work-pool", "pause", POOL)
    due = [service.api(f"deployments/{deployment}/create_flow_run", {})["id"] for _ in range(3)]
    service.prefect("work-pool", "resume", POOL)
    ended = service.wait(lambda: ended_runs(service, due))
    assert sorted(run["state_type"] == "CANCELLED" for run in ended) == [False, True, True]


def ended_runs(service: Service, ids: list[str]) -> list[dict] | None:
    found = service.runs(flow_runs={"id": {"any_": ids}})
    return found if all(run["state_type"] in ("CANCELLED", "COMPLETED", "FAILED") for run in found) else None
