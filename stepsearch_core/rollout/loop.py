"""The multi-turn rollout, asynchronous by trajectory: while one waits for its search, the others generate.

Token in, token out: sampled ids go into the context as they are. A slot whose episode has ended takes the
next one of a source (`rollout.sources`): a list, or whoever arrives. A retriever's failure ends the
trajectories that asked, an engine's failure all that had a slot; both are marked by their stop reason and
the rollout goes on. Departure from the released loop: turns stop at their own closing tag instead of running
to the limit, nobody waits for the slowest, and the cache is kept across turns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from stepsearch_core.base.types import ActionKind, Question, StopReason, Trajectory
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import RolloutParams
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rollout.searches import Outcome, Searches
from stepsearch_core.rollout.sources import Ended, Entry, Listed, Source, Streams, nothing
from stepsearch_core.sampling.engine import Engine, EngineError, Generation, Session, TurnRequest


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
    ) -> list[Trajectory]:
        """`samples` trajectories a question, in order, or those of them that `part` selects.

        Trajectory i of all draws from `stream_of(i)`, whoever samples it. Of ranks that share a model, each
        with the same `part`, the first has them and the others none.
        """
        episodes = [Episode(q, sample, self.renderer) for q in questions for sample in range(samples)]
        streams = [stream_of(number) for number in range(len(episodes))]
        return self.play(episodes[part], streams[part])

    def greedy(self, questions: Sequence[Question]) -> list[Trajectory]:
        """One greedy trajectory a question, in order."""
        return self.play([Episode(question, 0, self.renderer) for question in questions])

    def play(
        self, episodes: Sequence[Episode], streams: Streams = None, ended: Ended = nothing
    ) -> list[Trajectory]:
        """Play new episodes to their ends; their trajectories, in order. Those done stay as they are.

        None on a rank that samples for another one (`Engine.played`).

        Args:
            episodes: the engine's contexts are opened in their order.
            streams: what each draws its random numbers from; None: all are greedy.
            ended: is called with each at its end, with those done at once.
        """
        with self.engine.played() as here:
            if not here:
                return []
            listed = Listed(episodes, streams, ended)
            self._play(listed, min(len(listed), self.params.batch_size))
        return [episode.trajectory for episode in episodes]

    def serve(self, source: Source) -> None:
        """Play whoever comes, `rollout.batch_size` at once, until nobody will come any more."""
        with self.engine.played() as here:
            if here:
                self._play(source, self.params.batch_size)

    def _play(self, source: Source, slots: int) -> None:
        k = self.renderer.params.passages_per_search
        with Searches(self.retriever, k, self.params) as searches:
            source.changed = searches.wake
            while (table := _Table(source, slots, searches)).taken:
                try:
                    table.play(self.engine, self.renderer.params.max_trajectory_tokens)
                except EngineError as error:
                    logging.getLogger("rollout").warning("trajectories are lost: %s", error)
                    table.fail()
            self.waited += searches.waited
            self.failure = searches.failure or self.failure


class _Table:
    """Episodes in the slots of one session of the engine."""

    def __init__(self, source: Source, slots: int, searches: Searches) -> None:
        """Wait for a first episode; whoever else is there gets a slot, too."""
        self._source, self._searches = source, searches
        self._slots = slots
        self._free = list(reversed(range(slots)))
        self._at: dict[int, Entry] = {}
        self._generating: set[int] = set()
        self._session: Session
        self.taken = self._take()
        """The slots of those that have not begun."""

    def play(self, engine: Engine, capacity: int) -> None:
        """Play until the source has nobody any more and all slots are free.

        Raises:
            EngineError: the engine could not open its session, or not go on.
        """
        self._session = engine.session(self._slots, capacity)
        while self.taken or self._at:
            for slot in self.taken:
                self._go_on(slot)
            self._advance()
            self.taken = self._take()

    def fail(self) -> None:
        """End every episode that has a slot: the engine has lost its context."""
        for entry in self._at.values():
            entry.episode.fail(StopReason.ENGINE_FAILED)
            self._source.ended(entry)

    def _take(self) -> list[int]:
        """Give free slots to the source's next episodes; only while nobody has one wait for the first."""
        taken = []
        while self._free and (entry := self._source.take(wait=not self._at)):
            taken.append(self._free.pop())
            self._at[taken[-1]] = entry
        return taken

    def _advance(self) -> None:
        """One pass of the engine, and what searches have found meanwhile."""
        if self._generating:
            for slot, generation in self._session.advance().items():
                self._act(slot, generation)
        slot_of = {entry.number: slot for slot, entry in self._at.items()}
        # a search that was given up may be all that is under way: nobody waits for it
        for number, outcome in self._searches.results(wait=bool(slot_of) and not self._generating):
            if number in slot_of:
                self._observe(slot_of[number], outcome)
        for slot in [slot for slot, entry in self._at.items() if entry.given_up]:
            if slot not in self._generating:
                self._go_on(slot)

    def _submit(self, slot: int) -> None:
        entry = self._at[slot]
        episode = entry.episode
        if episode.fresh:
            self._session.open(slot, entry.stream, entry.temperature)
        self._session.submit(slot, TurnRequest(episode.new_tokens, episode.turn_tokens))
        self._generating.add(slot)

    def _act(self, slot: int, generation: Generation) -> None:
        self._generating.discard(slot)
        episode = self._at[slot].episode
        action = episode.act(generation.token_ids, generation.log_probs, generation.text)
        if not episode.done and action.kind is ActionKind.INVALID:
            episode.observe(None)
        self._go_on(slot)

    def _observe(self, slot: int, outcome: Outcome) -> None:
        episode = self._at[slot].episode
        if isinstance(outcome, StopReason):
            episode.fail(outcome)
        else:
            episode.observe(outcome)
        self._go_on(slot)

    def _go_on(self, slot: int) -> None:
        """Have done what is due: a search, a turn, or an end, with which the slot is free."""
        entry = self._at[slot]
        episode = entry.episode
        if entry.given_up and not episode.done:
            episode.fail(StopReason.GIVEN_UP)
        if not episode.done:
            if episode.query is not None:
                self._searches.submit(entry.number, episode.query)
            else:
                self._submit(slot)
            return
        del self._at[slot]
        self._source.ended(entry)
        self._session.close(slot)
        self._free.append(slot)
