"""One progress bar for all that several policies are asked, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.ranks import is_main, world_size


class Progress:
    """Counts trajectories. One rank shows it, and takes the others to be as far as itself."""

    def __init__(self, total: int) -> None:
        self._total = total
        hidden: dict[str, Any] = {} if is_main() else {"disable": True}
        self._bar = tqdm(total=total, unit="trajectory", **hidden)

    @contextmanager
    def playing(self, what: str, count: int) -> Iterator[Callable[[], object]]:
        """While all ranks together play so many trajectories; gives what to call at the end of each."""
        self._bar.set_description(what)
        end = self._bar.n + count
        yield lambda: self._bar.update(min(world_size(), end - self._bar.n))
        self._bar.update(end - self._bar.n)
        self._close_if_full()

    def spare(self, count: int) -> None:
        """So many were played before, which says nothing about the time that the others take."""
        self._total -= count
        self._bar.total = self._total
        self._bar.refresh()
        self._close_if_full()

    def _close_if_full(self) -> None:
        if self._bar.n >= self._total:
            self._bar.close()
