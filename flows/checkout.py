"""One writer in a checkout: a flow run holds this lock from the choice of its parameters to its last stage.

The work pool's limit of one makes deployed runs wait where Prefect's pages show it. This lock also covers
runs that are started by hand: between two stages of one run another must not change params.yaml.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = Path(".dvc/tmp/flow.lock")


class CheckoutBusyError(RuntimeError):
    """Another flow run writes in this checkout."""


@contextmanager
def checkout_lock(path: Path = LOCK) -> Iterator[None]:
    """Hold the checkout; the system releases it when the process dies, however it dies.

    Raises:
        CheckoutBusyError: another process holds it; the message names it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".pid")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = owner.read_text() if owner.is_file() else "unknown"
        raise CheckoutBusyError(
            f"process {pid} runs a flow in this checkout; wait for it or end it ({path})"
        ) from None
    try:
        owner.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()
