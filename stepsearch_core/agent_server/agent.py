"""An agent that many ask at once: one thread owns the model and plays whoever arrives, turn by turn.

Whoever asks waits in an event loop. Leaving an `Asking` gives its question up, so a client that goes away,
or a time limit, frees a slot at the end of the turn under way, during a search at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from threading import Thread
from typing import Self

from stepsearch_core.agent_server.episodes import Asked, ServedEpisode
from stepsearch_core.agent_server.metrics import AgentMetrics
from stepsearch_core.agent_server.settings import AgentSettings
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import FAILURES, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.records import TurnRecord
from stepsearch_core.rollout.sources import Arrivals, Entry, FullError
from stepsearch_core.serving.refusals import RefusalError

_FAILED = {
    StopReason.RETRIEVAL_FAILED: "a search failed; the server's log says why",
    StopReason.RETRIEVAL_TIMEOUT: "a search took too long",
    StopReason.ENGINE_FAILED: "the sampling engine failed; the server's log says why",
    StopReason.GIVEN_UP: "the server is shutting down",
}
"""What a client is told. A question whose prompt is too long is refused before it is played."""
_END_SECONDS = 5.0
"""What the thread may take to end; a search or a pass that hangs keeps no process alive."""


class Agent:
    """A rollout behind a queue. It plays between `async with` and its end."""

    def __init__(self, rollout: Rollout, settings: AgentSettings, metrics: AgentMetrics) -> None:
        self._rollout, self._settings, self._metrics = rollout, settings, metrics
        self._arrivals = Arrivals(rollout.params.batch_size + settings.queue, _tell_the_end)
        metrics.watch(self._arrivals)

    async def __aenter__(self) -> Self:
        self._thread = Thread(target=self._play, name="agent", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._arrivals.close()
        await asyncio.to_thread(self._thread.join, _END_SECONDS)

    def ask(self, asked: Asked) -> Asking:
        """Let a question wait for a slot.

        Raises:
            RefusalError: 400, as it does not fit into the agent's context; 429, as the queue is full.
        """
        self._check_characters(asked.question)
        renderer = self._rollout.renderer
        asking = Asking(asked, renderer, self._settings.timeout, self._metrics)
        if asking.episode.done:
            length = renderer.prompt_length(asked.question)
            raise _too_long(
                f"the question makes a prompt of {length:,} tokens;"
                f" beside a turn there is room for {renderer.prompt_room:,}"
            )
        drawn = None
        if not asked.greedy:
            seed = secrets.randbits(64) if asked.seed is None else asked.seed
            drawn = stream(seed, Name.SERVED)
        try:
            entry = self._arrivals.put(asking.episode, drawn, None if asked.greedy else asked.temperature)
        except FullError as error:
            raise RefusalError(429, "busy", f"{error}; try again", 1) from None
        asking.begin(self._arrivals, entry)
        return asking

    def _check_characters(self, question: str) -> None:
        if len(question) > (most := self._settings.question):
            raise _too_long(f"the question has {len(question):,} characters; this server takes {most:,}")

    def _play(self) -> None:
        """Play until closed; what nobody has foreseen ends those that have a slot, and no others."""
        while True:
            try:
                self._rollout.serve(self._arrivals)
            except Exception:
                logging.getLogger(__name__).exception("questions under way are lost")
                self._arrivals.fail()
            else:
                return


class Asking:
    """A question under way, in an event loop. As a context manager, it is given up at the end."""

    def __init__(self, asked: Asked, renderer: Renderer, seconds: float, metrics: AgentMetrics) -> None:
        """Make the episode of a question, which has `seconds` from now on."""
        self._loop = asyncio.get_running_loop()
        self._seconds, self._metrics = seconds, metrics
        self._started, self._until = time.perf_counter(), self._loop.time() + seconds
        self._told: asyncio.Queue[TurnRecord | None] = asyncio.Queue()
        self.episode = ServedEpisode(asked, renderer, self._tell, self._end)

    def begin(self, arrivals: Arrivals, entry: Entry) -> None:
        """It waits for a slot."""
        self._arrivals, self._entry = arrivals, entry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._arrivals.give_up(self._entry)

    async def turns(self) -> AsyncIterator[TurnRecord]:
        """The turns as they come, to the end.

        Raises:
            RefusalError: 503, as a search or the engine failed; 504, as it took too long.
        """
        while (turn := await self._next()) is not None:
            yield turn
        reason = self.episode.trajectory.stop_reason
        if reason in FAILURES:
            raise RefusalError(503, reason.value, _FAILED[reason], 1)

    async def _next(self) -> TurnRecord | None:
        try:
            async with asyncio.timeout_at(self._until):
                return await self._told.get()
        except TimeoutError:
            raise RefusalError(504, "timeout", f"no answer within {self._seconds:g} s") from None

    def _end(self) -> None:
        self._metrics.ended(self.episode.trajectory, time.perf_counter() - self._started)
        self._tell(None)

    def _tell(self, turn: TurnRecord | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._told.put_nowait, turn)


def _tell_the_end(entry: Entry) -> None:
    assert isinstance(entry.episode, ServedEpisode)
    entry.episode.over()


def _too_long(message: str) -> RefusalError:
    return RefusalError(400, "context_length_exceeded", message, field="messages")
