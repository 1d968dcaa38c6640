"""The multi-turn rollout: many episodes at once, their turns generated together and their searches sent in one batch.

Token in, token out: sampled ids go into the context as they are. A retriever's failure marks the trajectories of that
batch of searches and nothing else. Departure from the released loop: turns stop at their own closing tag instead of
running to the limit, and the cache is kept across turns instead of prefilling the whole context again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.policy.engine import Engine, Session, TurnRequest
from stepsearch_core.retrieval.retriever import RetrievalError, Retriever
from stepsearch_core.types import ActionKind, Question, Trajectory


class Rollout:
    """Plays episodes with an engine against a retriever."""

    def __init__(self, engine: Engine, retriever: Retriever, renderer: Renderer, batch_size: int) -> None:
        self.engine, self.retriever, self.renderer, self.batch_size = engine, retriever, renderer, batch_size

    def sample(
        self, questions: Sequence[Question], samples: int, seed: Sequence[int], share: slice = slice(None)
    ) -> list[Trajectory]:
        """`samples` trajectories a question, in order, or those of them that `share` selects.

        Trajectory i of all draws from the random stream (*seed, i), whoever samples it.
        """
        episodes = [Episode(q, sample, self.renderer) for q in questions for sample in range(samples)]
        streams = [np.random.default_rng([*seed, number]) for number in range(len(episodes))]
        episodes, streams = episodes[share], streams[share]
        for start in range(0, len(episodes), self.batch_size):
            chunk = slice(start, start + self.batch_size)
            self._play(episodes[chunk], streams[chunk])
        return [episode.trajectory for episode in episodes]

    def greedy(self, questions: Sequence[Question], progress: str | None = None) -> list[Trajectory]:
        """One greedy trajectory a question, in order; `progress` names a progress bar."""
        episodes = [Episode(question, 0, self.renderer) for question in questions]
        with tqdm(total=len(episodes), desc=progress, disable=progress is None, unit="question") as bar:
            for start in range(0, len(episodes), self.batch_size):
                chunk = episodes[start : start + self.batch_size]
                self._play(chunk, None)
                bar.update(len(chunk))
        return [episode.trajectory for episode in episodes]

    def _play(self, episodes: list[Episode], streams: list[np.random.Generator] | None) -> None:
        session = self.engine.session(streams, len(episodes), self.renderer.params.max_trajectory_tokens)
        while live := {slot: episode for slot, episode in enumerate(episodes) if not episode.done}:
            self._turn(session, live)

    def _turn(self, session: Session, live: dict[int, Episode]) -> None:
        requests = {slot: TurnRequest(episode.new_tokens, episode.turn_tokens) for slot, episode in live.items()}
        searching: list[tuple[Episode, str]] = []
        for slot, generation in session.generate(requests).items():
            episode = live[slot]
            action = episode.act(generation.token_ids, generation.log_probs, generation.text)
            if episode.done:
                continue
            if action.kind is ActionKind.SEARCH:
                searching.append((episode, action.text))
            else:
                episode.observe(None)
        self._search(searching)

    def _search(self, searching: list[tuple[Episode, str]]) -> None:
        if not searching:
            return
        k = self.renderer.params.passages_per_search
        try:
            results = self.retriever.search([query for _, query in searching], k)
        except RetrievalError:
            for episode, _ in searching:
                episode.fail()
            return
        for (episode, _), hits in zip(searching, results, strict=True):
            episode.observe([hit.passage for hit in hits])
