"""What every stage does around its work: read `params.yaml`, run, and turn bad input into one clear line."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stepsearch_core.base.ranks import is_main, rank, world_size
from stepsearch_core.base.terminal import terminal

DATA = Path("data")
"""Every stage writes `data/NAME`."""
CHECKED = Path("checkpoints/checked")
"""Which parameters it has looked at."""
CHECKED_FOR = 86_400.0
"""Seconds until it looks again: disks fill up."""

TIMINGS = DATA / "timings"
"""`NAME.json` has the seconds of each part of a stage when it last ran here; DVC does not track it, as no
run takes as long as another and equal results have to have equal hashes.
"""


@terminal()
def run(name: str, work: Callable[..., None], in_ranks: bool = False) -> None:
    """Run `work(params)` as the stage `name`, after a look at all that can be known before (`look_first`).

    Under an outside launcher each of its ranks runs this, if the work is `in_ranks`: the first looks and
    says how it goes, and each says what ends it. Any other work is one process's.

    Bad parameters, bad data and errors that explain themselves exit with 1 and one line; an unreachable
    network with 75 (`EX_TEMPFAIL`), so that who started the stage can tell what is worth another try.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import httpx

    from stepsearch_core.base.errors import DataError, ExplainedError, UnreachableError
    from stepsearch_core.params import ParamsError, load_params

    parser = argparse.ArgumentParser(prog=f"python -m tasks.{name}", description=f"Run the stage {name}.")
    parser.add_argument("--params", default="params.yaml", help="parameter file (default: params.yaml)")
    # DeepSpeed's launcher passes what it sets in the environment, too
    parser.add_argument("--local_rank", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    log_to_stderr(name)
    who = f"{name}: rank {rank()}" if world_size() > 1 else name
    if world_size() > 1 and not in_ranks:
        sys.exit(f"{who}: this stage is one process's work, but {world_size()} were started; start it alone")
    started = time.monotonic()
    try:
        params = load_params(arguments.params)
        look_first(name, Path(arguments.params), fetch_first=params.fetch.source == "datasets")
        work(params)
    except BrokenPipeError:  # a kind of ConnectionError, but it is the terminal that is gone
        raise
    except (ConnectionError, TimeoutError, UnreachableError, httpx.TransportError) as error:
        print(f"{who}: network: {error}", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    except (DataError, ParamsError, ExplainedError) as error:
        sys.exit(f"{who}: {error}")
    logging.getLogger(name).info("finished in %.1f s", time.monotonic() - started)


def look_first(name: str, path: Path, fetch_first: bool) -> None:
    """Let `stepsearch check` look at the parameters in `path`, unless it just found nothing against them.

    So the first stage of a `dvc repro` does it and the others need not; in a process of its own, since no
    stage's result depends on its code. With `fetch_first` it looks once more when the questions have been
    brought here.

    Raises:
        SystemExit: it found something that would end a stage; all that it found stands on stderr.
    """
    from stepsearch_core.params.stages import LOOKED_AT

    if name not in LOOKED_AT or os.environ.get("STEPSEARCH_CHECK") == "off" or not is_main():
        return
    from stepsearch_core.base.io import atomic_write

    manifest = DATA / "fetch" / "manifest.json"
    brought = fetch_first and name != "fetch" and manifest.is_file()
    seen = hashlib.sha256(path.read_bytes() + (manifest.read_bytes() if brought else b"")).hexdigest()
    known = CHECKED.is_file() and time.time() - CHECKED.stat().st_mtime < CHECKED_FOR
    if known and CHECKED.read_text() == seen:
        return
    command = [sys.executable, "-m", "stepsearch_core.cli", "check", "--params", str(path), "--from", name]
    looked = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if looked.stdout.count("\n") > 1:  # more than how many findings there are: some
        sys.stderr.write(looked.stdout)
    if looked.returncode == 1:
        sys.exit(
            f"{name}: not begun, since the errors above would end it or a later stage (`stepsearch check`)"
        )
    with atomic_write(CHECKED) as file:
        file.write(seen)


def log_to_stderr(name: str) -> None:
    """Log lines of the stage `name`: one rank says how it goes, all what is wrong, libraries nothing."""
    level = logging.INFO if is_main() else logging.WARNING
    logging.basicConfig(level=level, format=f"{name}: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpx2", "openai", "datasets", "bm25s", "faiss", "DeepSpeed"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
