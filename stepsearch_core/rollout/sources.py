"""Where the rollout's episodes come from: a list that is known, or whoever arrives while others are played.

The loop takes an episode whenever a slot is free. Of a list it takes them in order and ends with the last;
`Arrivals` it waits for, and plays until they are closed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stepsearch_core.base.types import StopReason
from stepsearch_core.environment.search_environment import Episode

Streams = Sequence[np.random.Generator] | None
Ended = Callable[[Episode], object]


def nothing(episode: Episode) -> None:
    """What is done at the end of an episode unless something else is asked for."""


@dataclass(slots=True, eq=False)
class Entry:
    """An episode to be played."""

    number: int
    """No other of its source has it."""
    episode: Episode
    stream: np.random.Generator | None = None
    """What its random numbers are drawn from; None: it is greedy."""
    temperature: float | None = None
    """None: the engine's."""
    given_up: bool = False
    """Nobody waits for it any more: it ends with the turn under way, during a search at once."""


class Source(Protocol):
    """Gives a rollout its episodes."""

    changed: Callable[[], object]
    """Set by the rollout: ends its waiting for searches when there is something else to do."""

    def take(self, wait: bool) -> Entry | None:
        """The next, not done yet; None: nobody waits now or, with `wait`, nobody will come any more."""

    def ended(self, entry: Entry) -> None:
        """Told of every entry that was taken, when its episode is done."""


class Listed:
    """Episodes of a list; `ended` is called with each when it is done, with those that are so at once."""

    def __init__(self, episodes: Sequence[Episode], streams: Streams = None, ended: Ended = nothing) -> None:
        """`streams`: what each draws its random numbers from; None: all are greedy."""
        self.changed: Callable[[], object] = lambda: None
        self._ended = ended
        for episode in episodes:
            if episode.done:
                ended(episode)
        self._waiting = deque(
            Entry(number, episode, None if streams is None else streams[number])
            for number, episode in enumerate(episodes)
            if not episode.done
        )

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, wait: bool) -> Entry | None:
        """See `Source.take`."""
        return self._waiting.popleft() if self._waiting else None

    def ended(self, entry: Entry) -> None:
        """See `Source.ended`."""
        self._ended(entry.episode)


class FullError(RuntimeError):
    """As many are there as may."""


class Arrivals:
    """Episodes that arrive from any thread; first come, first played.

    At most `limit` are there, whether they wait or have a slot. Slots are given between passes of the
    engine: were those that wait counted alone, a burst would be refused beside free slots.

    `ended` gets each entry when its episode is done, whoever ended it, once. It is called in the thread that
    plays, or in the one that gives up or closes.
    """

    def __init__(self, limit: int, ended: Callable[[Entry], object]) -> None:
        self.changed: Callable[[], object] = lambda: None
        self._limit, self._ended = limit, ended
        self._waiting: deque[Entry] = deque()
        self._playing: set[Entry] = set()
        self._arrived = threading.Condition()
        self._count = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    @property
    def playing(self) -> int:
        """How many have one."""
        return len(self._playing)

    def put(
        self, episode: Episode, stream: np.random.Generator | None = None, temperature: float | None = None
    ) -> Entry:
        """Let an episode that is not done wait for a slot.

        Raises:
            FullError: too many are there, or none is played any more.
        """
        with self._arrived:
            if self._closed:
                raise FullError("nobody is let in any more")
            if len(self._waiting) + len(self._playing) >= self._limit:
                raise FullError(f"{len(self._playing)} have a slot and {len(self._waiting)} wait already")
            self._count += 1
            entry = Entry(self._count, episode, stream, temperature)
            self._waiting.append(entry)
            self._arrived.notify()
        self.changed()
        return entry

    def give_up(self, entry: Entry) -> None:
        """Say that nobody waits for an entry any more; of one that has ended nothing changes."""
        if entry.episode.done:
            return
        with self._arrived:
            entry.given_up = True
            waits = entry in self._waiting
            if waits:
                self._waiting.remove(entry)
        if waits:
            self._end(entry, StopReason.GIVEN_UP)
        self.changed()

    def close(self) -> None:
        """Let nobody in any more, and give up whoever is there."""
        with self._arrived:
            self._closed = True
            here = [*self._waiting, *self._playing]
            self._arrived.notify()
        for entry in here:
            self.give_up(entry)

    def fail(self) -> None:
        """End those that have a slot: whoever played them has broken down."""
        for entry in list(self._playing):
            self._playing.discard(entry)
            self._end(entry, StopReason.ENGINE_FAILED)

    def take(self, wait: bool) -> Entry | None:
        """See `Source.take`."""
        with self._arrived:
            if wait:
                self._arrived.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            entry = self._waiting.popleft()
            self._playing.add(entry)
            return entry

    def ended(self, entry: Entry) -> None:
        """See `Source.ended`."""
        self._playing.discard(entry)
        self._ended(entry)

    def _end(self, entry: Entry, reason: StopReason) -> None:
        if not entry.episode.done:
            entry.episode.fail(reason)
        self._ended(entry)
