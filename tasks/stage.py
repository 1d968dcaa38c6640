"""What every stage does around its work: read `params.yaml`, run, and turn bad input into one clear line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

DATA = Path("data")
"""Every stage writes `data/NAME`."""

TIMINGS = DATA / "timings"
"""`NAME.json` has the seconds of each part of a stage when it last ran here; DVC does not track it, as no run takes as
long as another and equal results have to have equal hashes."""


def run(name: str, work: Callable[..., None]) -> None:
    """Run `work(params)` as the stage `name`.

    Bad parameters, bad data and errors that explain themselves exit with 1 and one line; an unreachable network with
    75 (`EX_TEMPFAIL`), so that who started the stage can tell what is worth another try.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import httpx

    from stepsearch_core.io import DataError, ExplainedError
    from stepsearch_core.params import ParamsError, load_params

    parser = argparse.ArgumentParser(prog=f"python -m tasks.{name}", description=f"Run the stage {name}.")
    parser.add_argument("--params", default="params.yaml", help="parameter file (default: params.yaml)")
    arguments = parser.parse_args()
    log_to_stderr(name)
    started = time.monotonic()
    try:
        work(load_params(arguments.params))
    except (DataError, ParamsError, ExplainedError) as error:
        sys.exit(f"{name}: {error}")
    except (ConnectionError, TimeoutError, httpx.TransportError) as error:
        print(f"{name}: network: {error}", file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    logging.getLogger(name).info("finished in %.1f s", time.monotonic() - started)


def log_to_stderr(name: str, level: int = logging.INFO) -> None:
    """Log lines of the stage `name`, without what libraries report of themselves."""
    logging.basicConfig(level=level, format=f"{name}: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "datasets", "bm25s", "DeepSpeed"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
