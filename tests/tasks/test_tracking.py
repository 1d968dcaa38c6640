"""What the real packages wrote, read back; wandb works offline here and reaches no network."""

import json
import os
import struct
import subprocess
import sys

import pytest
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

from stepsearch_core.params import ParamsError
from tasks import tracking
from tasks.tracking import DvcLiveTracker, TensorBoardTracker, Trackers, WandbTracker, check_installed
from tests.import_graph import ROOT

ROWS = [
    {"step": 0, "validation/f1": 0.25},
    {"step": 1, "f1": 0.5, "reward/total": -1.0, "timing/update": 3.25},
    {"step": 2, "f1": 0.75, "reward/total": 2.0, "validation/f1": 0.5},
]
POINTS = {
    "f1": [(1, 0.5), (2, 0.75)],
    "reward/total": [(1, -1.0), (2, 2.0)],
    "validation/f1": [(0, 0.25), (2, 0.5)],
}
ALL_POINTS = {**POINTS, "timing/update": [(1, 3.25)]}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own, and no network."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    wandb.teardown()  # its service has read the variables above


def track(tracker, rows=ROWS, close=True):
    for row in rows:
        tracker.log(row["step"], row)
    if close:
        tracker.close()


def dvclive_points(folder):
    plots = folder / "plots" / "metrics"
    points = {}
    for path in plots.rglob("*.tsv"):
        name = path.relative_to(plots).with_suffix("").as_posix()
        header, *lines = path.read_text().splitlines()
        assert header == f"step\t{name.split('/')[-1]}"
        points[name] = [tuple(map(float, line.split("\t"))) for line in lines]
    return points


def tensorboard_points(folder):
    read = EventAccumulator(str(folder)).Reload()
    return {
        name: [(point.step, point.value) for point in read.Scalars(name)] for name in read.Tags()["scalars"]
    }


def wandb_records(run):
    """The records of a run's file: LevelDB's log format, blocks of 32 KiB, after a header of 7 bytes."""
    content = next(run.glob("*.wandb")).read_bytes()
    at, parts, records = 7, b"", []
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # too little for a header: the block's padding
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the end of one
            records.append(Record.FromString(parts))
            parts = b""
    return records


def wandb_points(run):
    points = {}
    for record in wandb_records(run):
        if record.WhichOneof("record_type") == "history":
            items = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                for item in record.history.item
            }
            for name in items.keys() - {"_step", "_runtime", "_timestamp"}:
                points.setdefault(name, []).append((record.history.step.num, items[name]))
    return points


def wandb_runs(here):
    """The runs' folders, once wandb's service has ended: it writes on for some milliseconds after a run is
    finished.
    """
    wandb.teardown()
    return sorted((here / "wandb").glob("offline-run-*"))


def test_dvclive_rows_become_points_that_dvc_plots_but_for_those_of_time(here):
    track(DvcLiveTracker(here / "dvclive"))
    assert dvclive_points(here / "dvclive") == POINTS
    summary = json.loads((here / "dvclive" / "metrics.json").read_text())
    assert summary == {"validation": {"f1": 0.5}, "f1": 0.75, "reward": {"total": 2.0}, "step": 2}
    assert {path.name for path in here.iterdir()} == {"dvclive"}


def test_tensorboard_rows_become_scalars_at_once(here):
    track(tracker := TensorBoardTracker(here / "tensorboard"), close=False)
    assert tensorboard_points(here / "tensorboard") == ALL_POINTS
    tracker.close()
    assert tensorboard_points(here / "tensorboard") == ALL_POINTS


@pytest.mark.slow
def test_wandb_rows_become_history_with_the_parameters(here):
    track(WandbTracker("steppo-seed3", {"seed": 3, "train": {"steps": 2, "trackers": ["dvclive", "wandb"]}}))
    (run,) = wandb_runs(here)
    assert wandb_points(run) == ALL_POINTS
    started = next(record.run for record in wandb_records(run) if record.WhichOneof("record_type") == "run")
    assert (started.project, started.display_name) == ("stepsearch", "steppo-seed3")
    config = {item.key: json.loads(item.value_json) for item in started.config.update}
    assert config["train"] == {"steps": 2, "trackers": ["dvclive", "wandb"]}
    assert config["seed"] == 3


@pytest.mark.slow
def test_wandbs_own_variables_hold(here, monkeypatch):
    for name, value in {"PROJECT": "mine", "NAME": "tuesday", "DIR": str(here / "there")}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    (here / "there").mkdir()
    track(WandbTracker("steppo-seed3", {}))
    (run,) = wandb_runs(here / "there")
    started = next(record.run for record in wandb_records(run) if record.WhichOneof("record_type") == "run")
    assert (started.project, started.display_name) == ("mine", "tuesday")


@pytest.mark.slow
def test_a_killed_and_resumed_run_shows_one_curve_in_each(here):
    """The first process dies after step 1 and never closes; the second logs all rows again, and goes on."""
    code = f"""
import os, pathlib, sys
sys.path.insert(0, {str(ROOT)!r})
from tasks.tracking import Trackers
tracker = Trackers(["dvclive", "tensorboard", "wandb"], pathlib.Path("train"), "run", {{}})
for row in {ROWS[:2]}:
    tracker.log(row["step"], row)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert dvclive_points(here / "train" / "dvclive").keys() == POINTS.keys()
    killed = wandb_runs(here)
    track(Trackers(["dvclive", "tensorboard", "wandb"], here / "train", "run", {}))
    assert dvclive_points(here / "train" / "dvclive") == POINTS
    assert tensorboard_points(here / "tensorboard") == ALL_POINTS
    (resumed,) = set(wandb_runs(here)) - set(killed)
    assert wandb_points(resumed) == ALL_POINTS
    assert {path.name for path in here.iterdir()} == {"train", "tensorboard", "wandb"}
    assert {path.name for path in (here / "train").iterdir()} == {
        "dvclive"
    }  # the stage's output is that of any run


def test_only_the_trackers_named_are_written(here):
    track(Trackers(["tensorboard", "dvclive"], here, "run", {}))
    assert {path.name for path in here.iterdir()} == {"tensorboard", "dvclive"}


@pytest.mark.parametrize("package", ["tensorboard", "wandb"])
def test_a_missing_package_is_named_with_the_command(monkeypatch, package):
    find = tracking.find_spec
    monkeypatch.setattr(tracking, "find_spec", lambda name: None if name == package else find(name))
    check_installed(["dvclive"])
    with pytest.raises(ParamsError) as refused:
        check_installed(["dvclive", "tensorboard", "wandb"])
    command = "pip install --editable '.[trackers]'"
    assert str(refused.value) == f"watch.trackers: {package} is not installed; {command}"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("online", "No API key configured"), ("nowhere", "1 validation error for Settings mode")],
)
def test_wandb_that_cannot_start_is_one_line(here, monkeypatch, mode, reason):
    monkeypatch.setenv("HOME", str(here))  # no key from there
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(ParamsError) as refused:
        WandbTracker("run", {})
    message = str(refused.value)
    assert message.startswith(f"watch.trackers: wandb: {reason}")
    assert message.endswith("; WANDB_MODE=offline needs neither network nor login")
    assert "\n" not in message
