"""Servers as processes of their own, and load on them from another (`perf.http_load`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def server(command: Sequence[str | Path]) -> Iterator[int]:
    """The port of the server that a module and its arguments start: it stands in the first line printed."""
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not (port := re.search(r"(\d+)\s*$", said)):
            sys.exit(f"{command[0]} printed no port: {said!r}")
        yield int(port[1])
    finally:
        process.terminate()
        process.wait()


def load(port: int, path: str, bodies: Sequence[dict[str, Any]], *options: str) -> dict[str, Any]:
    """What `perf.http_load` prints: `seconds`, and of each request `latencies` and `handler`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(bodies, file)
        file.flush()
        command = [sys.executable, "-m", "perf.http_load", str(port), path, file.name, *options]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the load ended early: {done.stderr.splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
