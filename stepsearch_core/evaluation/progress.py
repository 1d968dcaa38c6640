"""One progress bar for all that several policies are asked, with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.ranks import is_main


class Progress:
    """Counts trajectories. One rank shows it, and takes the others to be as far as itself."""

    def __init__(self, total: int) -> None:
        hidden: dict[str, Any] = {} if is_main() else {"disable": True}
        self._bar = tqdm(total=total, unit="trajectory", smoothing=0, miniters=1, **hidden)
        self._total = total
        self._done = self._spared = 0

    @contextmanager
    def playing(self, what: str, count: int, own: int) -> Iterator[Callable[[], object]]:
        """While all ranks together play `count` trajectories, this one `own` of them; gives what to call at
        the end of each of its own.
        """
        self._bar.set_description(what)
        start, ended = self._done, 0

        def end() -> None:
            nonlocal ended
            ended += 1
            self._go_to(start + count * min(ended, own) // own)

        yield end
        self._go_to(start + count)

    def spare(self, count: int) -> None:
        """So many were played before, which says nothing about the time that the others take."""
        self._spared += count
        self._bar.initial = self._spared
        self._go_to(self._done + count)
        self._bar.refresh()

    def _go_to(self, number: int) -> None:
        self._bar.update(number - self._done)
        self._done = number
        if self._done >= self._total:
            self._bar.close()
