"""Copies of a commit in which a study's runs are made, each a checkout with DVC's cache of this one.

A copy stays until its run is done, so that a killed run goes on from its last checkpoint; what earlier
stages made comes out of the cache. A finished run is kept as a DVC experiment of the commit, here, so that
`dvc exp show` and `dvc metrics diff` know it, and its outputs are moved to a folder of results.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from dvc.config import Config
from dvc.repo import Repo

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.io import atomic_folder, write_json
from stepsearch_core.params import Params, params_yaml
from stepsearch_core.params.stages import STAGES
from stepsearch_core.studies import study
from tasks.processes import stop, stop_left

COPIES = Path("checkpoints/studies")
RESULTS = study.PAGES / study.RUNS
LOGS = study.PAGES / study.LOGS
WHOLE = ".dvc/tmp/whole"
"""In a copy that has been made to its end."""
LEADER = ".dvc/tmp/leader"
"""In a copy in which something runs or ran: the id of the process that leads it."""
KEPT = {
    "train": (
        *("params.yaml", "dvc.lock", "data/timings/train.json"),
        *("data/train/metrics.jsonl", "data/train/trajectories.jsonl"),
    ),
    "evaluate": ("data/evaluate",),
}
"""What of a run's stages is kept for the study's page; the rest is in DVC's cache."""
_FETCHING = Lock()
"""git locks a repository's references, and does not wait."""
TAIL = 8
"""Lines of a failed run's log that its error repeats."""


class RunFailedError(ExplainedError):
    """A run ended with an error; the message ends with the end of its log."""


class Copy:
    """A copy of a commit with the parameters of one run."""

    def __init__(self, name: str, commit: str, cache: Path) -> None:
        """Nothing is made before `prepare`.

        Args:
            name: of the copy; says what its results depend on: one that is there is gone on with.
            commit: of this checkout.
            cache: DVC's, of this checkout.
        """
        self.folder = COPIES / name
        self.log = LOGS / f"{name}.log"
        self._commit, self._cache = commit, cache
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def prepare(self, params: Params) -> None:
        """Make it with these parameters; one that an earlier try has left is repaired."""
        if (self.folder / WHOLE).is_file():
            if (leader := self.folder / LEADER).is_file() and (number := leader.read_text()).isdecimal():
                stop_left(int(number), self.folder)  # of a command that could not end it
            self.execute("tasks.repair")
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        _git("clone", "--quiet", "--no-checkout", *_identity(), ".", str(self.folder))
        _git("-C", str(self.folder), "checkout", "--quiet", "--detach", self._commit)
        with Config(str(self.folder / ".dvc"), validate=False).edit("local") as local:
            local["cache"] = {"dir": str(self._cache)}
        (self.folder / "params.yaml").write_text(params_yaml(params), encoding="utf-8")
        (self.folder / WHOLE).parent.mkdir(exist_ok=True)
        (self.folder / WHOLE).touch()

    @property
    def commit(self) -> str:
        """Of which it is: a later command goes on with a copy of an earlier one, of the same code."""
        head = ["git", "-C", str(self.folder), "rev-parse", "HEAD"]
        return subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()

    def execute(self, *module: str, **environment: str) -> None:
        """Run `python -m MODULE ...` in it, its output going to the log.

        Args:
            module: with its arguments.
            environment: variables besides.

        Raises:
            RunFailedError: it exited with an error, or was stopped.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        places = (str(self.folder.resolve()), str(Path.cwd()), os.environ.get("PYTHONPATH", ""))
        modules = os.pathsep.join(filter(None, places))  # the copy's first, then rewards of one's own
        own = {"PYTHONPATH": modules, "PYTHONUNBUFFERED": "1", "TQDM_MININTERVAL": "30"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=self.folder,
                env={**os.environ, "PATH": path, **own, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        (self.folder / LEADER).write_text(f"{self._process.pid}")
        if self._stopped:
            stop(self._process)
        if self._process.wait():
            said = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            tail = [line for line in said if line.strip() and "%|" not in line][-TAIL:]  # no progress bars
            raise RunFailedError("\n".join([f"see {self.log}, which ends:", *tail]))

    def stop(self) -> None:
        """End what runs in it; what has not begun ends as it begins."""
        self._stopped = True
        if self._process is not None:
            stop(self._process)

    def save_experiment(self, name: str) -> None:
        """Save what ran, which has to be all stages, as the experiment `name` of the commit, here.

        Raises:
            RunFailedError: DVC could not.
        """
        self.execute("dvc", "exp", "save", "--force", "--name", name)
        with _FETCHING:
            source, wanted = str(self.folder.resolve()), ("+refs/exps/*:refs/exps/*", "^refs/exps/exec/*")
            _git("fetch", "--quiet", source, *wanted)

    def keep(self, key: str, target: str, facts: Mapping[str, object]) -> None:
        """Keep what the page is made of, of the stages up to `target`, in `RESULTS`; the copy goes."""
        stages = STAGES[: STAGES.index(target) + 1]
        with atomic_folder(RESULTS / key) as kept:
            for file in (file for stage in stages for file in KEPT.get(stage, ())):
                if (self.folder / file).exists():  # a stage whose results DVC had took no time
                    (kept / file).parent.mkdir(parents=True, exist_ok=True)
                    _copy(self.folder / file, kept / file)
            write_json(kept / "run.json", facts)
        self.discard()

    def discard(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def cache_folder() -> Path:
    """DVC's cache of this checkout."""
    with Repo() as repo:
        return Path(repo.cache.local_cache_dir).resolve()


def _identity() -> list[str]:
    """Options of a clone that save experiments under the name that commits have here, or the program's."""
    named = {"user.name": "StepSearch", "user.email": "stepsearch@localhost"}
    for key in named:
        said = subprocess.run(["git", "config", key], capture_output=True, text=True).stdout.strip()
        named[key] = said or named[key]
    return [option for key, value in named.items() for option in ("--config", f"{key}={value}")]


def _git(*arguments: str) -> None:
    """Run git here.

    Raises:
        RunFailedError: it failed; the message is its own.
    """
    ran = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise RunFailedError(f"git: {ran.stderr.strip()}")
