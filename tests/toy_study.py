"""A checkout whose stages take no time and write what a study reads, to run studies in."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.checkout import commit, run
from tests.import_graph import ROOT
from tests.report_data import make_record

STAGE = """
import json, os, sys, time
from pathlib import Path
import yaml

name, params = sys.argv[1], yaml.safe_load(Path("params.yaml").read_text())
algorithm, benchmarks = params["train"]["algorithm"], params["evaluate"]["benchmarks"]
with open(os.environ["TOY_LOG"], "a") as log:
    print(name, algorithm, params["seed"], file=log)
out = Path("data", name)
out.mkdir(parents=True, exist_ok=True)
if name == "train":
    if algorithm in os.environ.get("TOY_BROKEN", ""):
        sys.exit("out of luck")
    if algorithm in os.environ.get("TOY_SLOW", ""):
        Path(os.environ["TOY_LOG"]).with_name("pid").write_text(str(os.getpid()))
        time.sleep(300)
    speed = {"steppo": 0.15, "ppo": 0.1}[algorithm] + float(params["train"]["learning_rate"])
    rows = [{"step": step, "validation/f1": 0.1 + speed * step} for step in range(5)]
    for row in rows[1:]:
        row.update({"f1": row["validation/f1"], "response_length": 50, "written_tokens": 20})
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
elif name == "evaluate":
    right = {"warmstart": 0, "trained": 2 if algorithm == "ppo" else 3}
    for policy in params["evaluate"]["policies"]:
        for benchmark in benchmarks:
            file = out / "records" / policy / f"{benchmark}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            records = json.loads(Path("records.json").read_text())
            made = [record[str(number < right[policy])] for number, record in enumerate(records)]
            file.write_text("".join(json.dumps(record) + "\\n" for record in made))
    (out / "metrics.json").write_text(json.dumps({"trained": {"mean": {"f1": right["trained"] / 4}}}))
else:
    seed = params["seed"] if name in ("synthesize", "warmstart") else ""  # as dvc.yaml says
    (out / "made").write_text(f"{name} {seed}")
"""

STUDY = """
title: A toy
profile: tiny
changes: ["evaluate.policies=[warmstart,trained]", "evaluate.benchmarks=[musique]"]
baseline: ppo
variants:
  steppo: {label: StePPO}
  ppo: {label: outcome PPO, changes: [train.algorithm=ppo]}
replicates:
  - [seed=0]
  - [seed=1]
bootstrap_samples: 50
"""


def toy_checkout(folder: Path, study: str = STUDY, deps: Sequence[str] = ()) -> Path:
    """A git and DVC repository in `folder` with the pipeline's stages, parameters and data folders.

    Every stage depends on its script, on data as the pipeline's does, and on `deps`.

    Stages note themselves in the file of TOY_LOG, fail for the algorithms in TOY_BROKEN, and take long for
    those in TOY_SLOW.
    """
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("studies"))
    (folder / "conf" / "studies").mkdir()
    (folder / "conf" / "studies" / "toy.yaml").write_text(study)
    shutil.copy2(ROOT / "params.yaml", folder)
    (folder / "stage.py").write_text(STAGE)
    questions = [
        {str(em): make_record("musique", number, float(em)) for em in (True, False)} for number in range(4)
    ]
    (folder / "records.json").write_text(json.dumps(questions))
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for name, stage in pipeline["stages"].items():
        stage["cmd"] = f"python stage.py {name}"
        stage["deps"] = ["stage.py", *deps, *(path for path in stage["deps"] if path.startswith("data/"))]
    whole = {"stages": pipeline["stages"], "metrics": pipeline["metrics"]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(whole))
    (folder / ".gitignore").write_text("/data/\n/studies/\n/checkpoints/\n/.dvc/cache/\n/.dvc/tmp/\n")
    run(folder, "dvc", "init", "--quiet", "--no-scm")
    (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    shutil.rmtree(folder / ".dvc" / "tmp", ignore_errors=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    commit(folder)
    return folder


def stages_of(log: Path) -> list[tuple[str, str, int]]:
    """Stage, algorithm and seed of each stage that ran, in order."""
    lines = log.read_text().splitlines() if log.is_file() else []
    return [(name, algorithm, int(seed)) for name, algorithm, seed in map(str.split, lines)]
