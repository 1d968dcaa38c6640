"""What a kill or a missing git leaves that `dvc repro` cannot start from, mended: `python -m tasks.repair`.

`make repro` and the flows do it before they start DVC. DVC writes two files in place, so that a kill can
leave half of one: dvc.lock, after which every command ends in "validation failed", and `.dvc/tmp/rwlock`,
which also keeps the ids of killed processes until the system has given them to others. Nothing is lost with
either: DVC's run cache has every result that was recorded, and `dvc repro` brings it back without running a
stage. A dvc.lock that was cut between two stages needs no mending for the same reason. In a folder without
git (a downloaded archive), DVC is told to go on without it; git's own command is not needed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from dvc.config import Config
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import ParseError, load_yaml
from scmrepo.exceptions import SCMError
from scmrepo.git import Git
from voluptuous import Invalid

from stepsearch_core.base.io import atomic_write
from stepsearch_core.base.terminal import terminal

LOCK = Path("dvc.lock")
RWLOCK = Path(".dvc/tmp/rwlock")
DAMAGED = Path(".dvc/tmp/dvc.lock.damaged")
"""Where a damaged dvc.lock is kept."""


def repair() -> list[str]:
    """Mend what is damaged in this checkout; returns what was done, a line each, or nothing.

    Raises:
        DvcException: this folder is no DVC project.
    """
    done = _go_on_without_git()
    if not lock_is_damaged() and not rwlock_is_stale():
        return done
    try:
        with (
            Repo() as repo,
            repo.lock,
        ):  # a living DVC may be in the middle of writing; it holds this lock then
            if lock_is_damaged():
                done.append(_replace_lock())
            if rwlock_is_stale():
                RWLOCK.unlink()
                done.append(f"{RWLOCK} was left by a process that was killed: removed")
    except LockError:
        done.append("another DVC command is at work here: nothing was mended")
    return done


def lock_is_damaged() -> bool:
    """Whether DVC refuses dvc.lock, or would keep one whose last entry is not whole; none at all is fine."""
    try:
        content = COMPILED_LOCKFILE_SCHEMA(load_yaml(LOCK))
    except FileNotFoundError:
        return False
    except (ParseError, Invalid):
        return True
    stages = content["stages"].values()
    entries = [entry for stage in stages for part in ("deps", "outs") for entry in stage.get(part, [])]
    last = ["nfiles" if entry.get("md5", "").endswith(".dir") else "size" for entry in entries]
    whole = all(key in entry for key, entry in zip(last, entries, strict=True))
    return not whole or not LOCK.read_bytes().endswith(b"\n")


def _replace_lock() -> str:
    """Put the last commit's dvc.lock into the place of a damaged one, or nothing."""
    DAMAGED.parent.mkdir(parents=True, exist_ok=True)
    LOCK.replace(DAMAGED)
    with suppress(SCMError, OSError):  # no git here, no commit, or none with this file
        git = Git(os.curdir)
        with git.get_fs("HEAD").open(f"/{Path.cwd().relative_to(git.root_dir) / LOCK}", "rb") as file:
            committed = file.read()
        with atomic_write(LOCK, "wb") as file:
            file.write(committed)
        if not lock_is_damaged():
            return f"{LOCK} was damaged: it is the last commit's again ({_KEPT})"
        LOCK.unlink()
    return f"{LOCK} was damaged: removed ({_KEPT})"


_KEPT = f"the damaged one is {DAMAGED}; results come back from DVC's cache"


def rwlock_is_stale() -> bool:
    """Whether the file in which DVC's processes say what they use is damaged or names none that lives."""
    try:
        written = RWLOCK.stat().st_mtime
        used = json.loads(RWLOCK.read_text(encoding="utf-8"))
        pids = {int(user["pid"]) for user in _users(used)}
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError, AttributeError):
        return True
    return bool(pids) and not any(_lived_at(pid, written) for pid in pids)


def _users(used: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from used.get("write", {}).values()
    for readers in used.get("read", {}).values():
        yield from readers


def _lived_at(pid: int, time: float) -> bool:
    """Whether this process is alive and was then: an id may have been given to another since.

    One that has ended keeps its id until its parent asks; where a killed parent's heir does so late, DVC
    takes it for alive.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= time
    except psutil.Error:
        return False


def _go_on_without_git() -> list[str]:
    """Say `core.no_scm` where DVC would refuse to work for want of a git repository."""
    config = Config.from_cwd()
    if config["core"].get("no_scm"):
        return []
    try:
        Git(os.curdir).close()
    except SCMError:
        with config.edit("local") as local:
            local["core"]["no_scm"] = True
        return [
            "this folder is in no git repository: DVC goes on without one (core.no_scm in .dvc/config.local)"
        ]
    return []


@terminal()
def main() -> None:
    """Mend, and say what was done."""
    try:
        done = repair()
    except DvcException as error:
        sys.exit(f"repair: {error}")
    for line in done:
        print(f"repair: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
