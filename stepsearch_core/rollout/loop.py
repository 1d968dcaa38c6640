"""The multi-turn rollout, asynchronous by trajectory: while one waits for its search, the others generate.

Token in, token out: sampled ids go into the context as they are. A slot whose episode has ended takes the
next one. A retriever's failure ends the trajectories that asked, an engine's failure all that had a slot;
both are marked by their stop reason and the rollout goes on. Departure from the released loop: turns stop at
their own closing tag instead of running to the limit, nobody waits for the slowest, and the cache is kept
across turns.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from stepsearch_core.base.types import ActionKind, Question, StopReason, Trajectory
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rollout.searches import Outcome, Searches
from stepsearch_core.sampling.engine import Engine, EngineError, Generation, Session, TurnRequest

Streams = Sequence[np.random.Generator] | None
Ended = Callable[[], object]


def _nothing() -> None:
    pass


class Rollout:
    """Plays episodes with an engine against a retriever."""

    def __init__(
        self, engine: Engine, retriever: Retriever, renderer: Renderer, params: RolloutParams
    ) -> None:
        self.engine = engine
        self.retriever = retriever
        self.renderer = renderer
        self.params = params
        self.waited = 0.0
        """Seconds of all rollouts so far in which generation was idle, waiting for searches."""
        self.failure = ""
        """Why the last search failed that did."""

    def sample(
        self,
        questions: Sequence[Question],
        samples: int,
        stream_of: Callable[[int], np.random.Generator],
        part: slice = slice(None),
        ended: Ended = _nothing,
    ) -> list[Trajectory]:
        """`samples` trajectories a question, in order, or those of them that `part` selects.

        Trajectory i of all draws from `stream_of(i)`, whoever samples it. Of ranks that share a model, each
        with the same `part`, the first has them and the others none.
        """
        episodes = [Episode(q, sample, self.renderer) for q in questions for sample in range(samples)]
        streams = [stream_of(number) for number in range(len(episodes))]
        return self.play(episodes[part], streams[part], ended)

    def greedy(self, questions: Sequence[Question], ended: Ended = _nothing) -> list[Trajectory]:
        """One greedy trajectory a question, in order."""
        return self.play([Episode(question, 0, self.renderer) for question in questions], ended=ended)

    def play(
        self, episodes: Sequence[Episode], streams: Streams = None, ended: Ended = _nothing
    ) -> list[Trajectory]:
        """Play new episodes to their ends; their trajectories, in order. Those done stay as they are.

        None on a rank that samples for another one (`Engine.played`).

        Args:
            episodes: the engine's contexts are opened in their order.
            streams: what each draws its random numbers from; None: all are greedy.
            ended: is called at the end of each.
        """
        with self.engine.played() as here:
            if not here:
                return []
            self._play(episodes, streams, ended)
        return [episode.trajectory for episode in episodes]

    def _play(self, episodes: Sequence[Episode], streams: Streams, ended: Ended) -> None:
        waiting = deque(number for number, episode in enumerate(episodes) if not episode.done)
        k = self.renderer.params.passages_per_search
        with Searches(self.retriever, k, self.params) as searches:
            while waiting:
                table = _Table(self, episodes, streams, waiting, searches, ended)
                try:
                    table.play(self.engine)
                except EngineError as error:
                    logging.getLogger("rollout").warning("trajectories are lost: %s", error)
                    table.fail()
            self.waited += searches.waited
            self.failure = searches.failure or self.failure


class _Table:
    """Episodes in the slots of one session of the engine."""

    def __init__(
        self,
        rollout: Rollout,
        episodes: Sequence[Episode],
        streams: Streams,
        waiting: deque[int],
        searches: Searches,
        ended: Ended,
    ) -> None:
        self._episodes = episodes
        self._streams = streams
        self._waiting = waiting
        self._searches, self._ended = searches, ended
        slots = min(len(waiting), rollout.params.batch_size)
        self._at = {slot: waiting.popleft() for slot in range(slots)}  # the number of its episode
        self._generating: set[int] = set()
        self._session: Session
        self._capacity = rollout.renderer.params.max_trajectory_tokens

    def play(self, engine: Engine) -> None:
        """Play until no episode waits and all slots are free.

        Raises:
            EngineError: the engine could not open its session, or not go on.
        """
        self._session = engine.session(len(self._at), self._capacity)
        for slot in list(self._at):
            self._begin(slot)
        while self._at:
            if self._generating:
                for slot, generation in self._session.advance().items():
                    self._act(slot, generation)
            slot_of = {number: slot for slot, number in self._at.items()}
            for number, outcome in self._searches.results(wait=not self._generating):
                if number in slot_of:
                    self._observe(slot_of[number], outcome)

    def fail(self) -> None:
        """End every episode that has a slot: the engine has lost its context."""
        for number in self._at.values():
            self._episodes[number].fail(StopReason.ENGINE_FAILED)
            self._ended()

    def _next(self, slot: int) -> None:
        """Put the next episode into a slot whose episode has ended."""
        del self._at[slot]
        if not self._waiting:
            self._session.close(slot)
            return
        self._at[slot] = self._waiting.popleft()
        self._begin(slot)

    def _begin(self, slot: int) -> None:
        number = self._at[slot]
        self._session.open(slot, None if self._streams is None else self._streams[number])
        self._submit(slot)

    def _submit(self, slot: int) -> None:
        episode = self._episodes[self._at[slot]]
        self._session.submit(slot, TurnRequest(episode.new_tokens, episode.turn_tokens))
        self._generating.add(slot)

    def _act(self, slot: int, generation: Generation) -> None:
        self._generating.discard(slot)
        number = self._at[slot]
        episode = self._episodes[number]
        action = episode.act(generation.token_ids, generation.log_probs, generation.text)
        if not episode.done and action.kind is ActionKind.SEARCH:
            self._searches.submit(number, action.text)
            return
        if not episode.done:
            episode.observe(None)
        self._go_on(slot)

    def _observe(self, slot: int, outcome: Outcome) -> None:
        episode = self._episodes[self._at[slot]]
        if isinstance(outcome, StopReason):
            episode.fail(outcome)
        else:
            episode.observe(outcome)
        self._go_on(slot)

    def _go_on(self, slot: int) -> None:
        if self._episodes[self._at[slot]].done:
            self._ended()
            self._next(slot)
        else:
            self._submit(slot)
