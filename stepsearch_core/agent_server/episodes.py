"""What a client asks for, and the episode that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stepsearch_core.asking import ToldEpisode
from stepsearch_core.base.types import Action, Author, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.rollout.records import TurnRecord

COLDEST = 0.001
"""What is sampled has at least this temperature; below it, an answer is greedy."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and how to answer it."""

    question: str
    temperature: float = 0.0
    """Below `COLDEST`: greedily."""
    seed: int | None = None
    """Of what is sampled; None: another one every time."""
    most_written: int | None = None
    """Tokens that the policy may write, all turns together; None: what the environment allows."""

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn."""
        return self.temperature < COLDEST


class ServedEpisode(ToldEpisode):
    """An episode that ends when the policy has written as much as it may.

    A turn with which it has can only answer, as the last of `environment.max_searches` can: a search that
    nobody could read any more is not carried out, and told as invalid.
    """

    def __init__(
        self,
        asked: Asked,
        renderer: Renderer,
        tell: Callable[[TurnRecord], None],
        over: Callable[[], None],
    ) -> None:
        super().__init__(asked.question, renderer, tell)
        self.over = over
        """To be called when it has ended."""
        self._left = asked.most_written or renderer.params.most_written

    @property
    def turn_tokens(self) -> int:
        """See `Episode.turn_tokens`."""
        return min(super().turn_tokens, self._left)

    def act(self, token_ids: list[int], log_probs: list[float] | None, text: str) -> Action:
        """See `Episode.act`."""
        self._left -= len(token_ids)
        action = super().act(token_ids, log_probs, text)
        if not self.done and self._left <= 0:  # it has summed up what a search found
            self.fail(StopReason.LENGTH_LIMIT)
        return action

    def _limit_met(self) -> StopReason | None:
        """See `Episode._limit_met`."""
        return super()._limit_met() or (StopReason.LENGTH_LIMIT if self._left <= 0 else None)

    @property
    def answer_tokens(self) -> int:
        """Tokens of the turn that answers; 0 where none does."""
        written = [len(one.token_ids) for one in self.trajectory.segments if one.author is Author.POLICY]
        return written[-1] if self.trajectory.answer is not None else 0
