"""Long stages that are killed go on where they were, and their outputs are those of a run that was never
killed.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import FetchParams, WorldParams
from tests.checkout import link_checkout
from tests.import_graph import ROOT

WORLD = WorldParams(
    people=60, works=60, organisations=24, cities=24, countries=8, train_questions=60, test_questions=12
)
DENSE = {"dimensions": 64, "index_factory": "IVF4,SQ8"}
STAGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from stepsearch_core.params import *
from stepsearch_core.retrieval import parts, shards
from stepsearch_core.synthesis import searches
shards.SHARD_PASSAGES, parts.PART_BYTES, searches._BATCH = 20, 20 * 72, 5
params = Params(profile="test", retrieval=RetrievalParams(**{DENSE}))
params.synthesize = SynthesizeParams(sources=["bm25"], validation_questions=10, trajectories=60)
import importlib
importlib.import_module("tasks." + sys.argv[1]).main(params)
"""


def start(stage, folder):
    command = [sys.executable, "-c", STAGE, stage]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def parts(folder) -> dict[str, float]:
    """Every part of the work in progress, a file or a kept search, and when it was written."""
    written = {str(path): path.stat().st_mtime_ns for path in folder.glob("checkpoints/*/[!.]*.*")}
    for path in folder.glob("checkpoints/*/searches/cache.db"):
        with closing(sqlite3.connect(path)) as database, suppress(sqlite3.OperationalError):  # not yet made
            written |= dict(database.execute("SELECT key, store_time FROM Cache"))
    return written


def kill_later(stage, folder, draw):
    """Let the stage write a few more parts, then end it with SIGKILL at whatever it is doing."""
    before = len(parts(folder))
    more = draw.randint(1, 6)
    process = start(stage, folder)
    while process.poll() is None and len(parts(folder)) < before + more:
        time.sleep(0.001)
    time.sleep(draw.random() * 0.01)
    process.kill()
    process.communicate()


def finish(stage, folder):
    process = start(stage, folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def outputs(folder) -> dict[str, bytes]:
    """Every file of a stage's outputs."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder in which both stages ran without a kill."""
    folder = link_checkout(tmp_path_factory.mktemp("alone"))
    fetch(FetchParams(source="world", world=WORLD), folder / "data" / "fetch")
    for stage in ("corpus", "index", "synthesize"):
        finish(stage, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("stage", ["index", "synthesize"])
def test_kills_change_nothing(alone, tmp_path, stage, kills):
    killed = Path(shutil.copytree(alone, tmp_path / "killed", symlinks=True))
    shutil.rmtree(killed / "data" / stage)
    draw = random.Random(stage)
    kept: dict[str, float] = {}
    for _ in range(kills):
        kill_later(stage, killed, draw)
        assert parts(killed).items() >= kept.items()  # nothing is lost, and nothing is made twice
        assert len(parts(killed)) > len(kept)
        assert not (killed / "data" / stage / "report.json").exists()
        kept = parts(killed)
    finish(stage, killed)
    assert outputs(killed / "data" / stage) == outputs(alone / "data" / stage)
    assert parts(killed) == {}
    assert [path.name for path in (killed / "data").iterdir() if path.name.startswith(".")] == []
    assert json.loads((killed / "data" / stage / "report.json").read_text())
