"""One episode of answering a question with searches: the state machine between policy and retriever.

A turn goes `act` (what did the policy do?) and, unless the episode is done, `observe` (what follows in its
context?). At most `max_searches` turns may be followed by another; the turn after the last of them can only
answer. A search in that final turn yields nothing and the episode ends without an answer (as in the released
loop, 1.2).
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsearch_core.base.types import (
    Action,
    ActionKind,
    Author,
    InvalidReason,
    Passage,
    Question,
    Segment,
    StopReason,
    Trajectory,
    Turn,
)
from stepsearch_core.environment.renderer import Observation, Renderer


class Episode:
    """A trajectory in the making. Its context is a list of token ids that only grows.

    An episode whose question does not fit into a prompt is done before it begins: its trajectory is empty.
    """

    def __init__(self, question: Question, sample: int, renderer: Renderer) -> None:
        self.question = question
        self.done = False
        self.opened = renderer.opened
        """What the context has opened for the turn that is due, a tag or nothing; the turn begins so."""
        self.trajectory = Trajectory(question.id, sample)
        self._renderer = renderer
        self._params = renderer.params
        self._length = 0
        self.new_tokens: list[int] = []
        """Tokens the policy has not seen yet."""
        if renderer.fits(question.question):
            self.new_tokens = self._append(Author.PROMPT, renderer.prompt(question.question))
        else:
            self._end(StopReason.PROMPT_TOO_LONG)

    @property
    def shown(self) -> int:
        """How many documents the last turn's search showed."""
        return len(self.trajectory.turns[-1].passage_ids) if self.trajectory.turns else 0

    @property
    def turn_tokens(self) -> int:
        """How many tokens the policy may write in this turn."""
        return min(self._params.max_turn_tokens, self._room)

    def act(self, token_ids: list[int], log_probs: list[float] | None, text: str) -> Action:
        """Record a turn of the policy (`log_probs`: one a token) and say what it did; may end it."""
        self._append(Author.POLICY, token_ids, log_probs)
        written = self.opened + self._renderer.closed(token_ids, text)
        action = self._renderer.style.grammar.parse(written, self._params.parser)
        if action.kind is ActionKind.ANSWER:
            self._end(StopReason.ANSWERED)
        elif self._turn == self._params.max_searches:
            self._end(StopReason.TURN_LIMIT)
            reason = action.reason or InvalidReason.LAST_TURN
            action = Action(ActionKind.INVALID, f"no answer in the last turn: {action.text}", reason=reason)
        if self.done or action.kind is ActionKind.INVALID:
            self._record(action, text)
        self._pending = (action, text)
        return action

    def observe(self, passages: Sequence[Passage] | None) -> None:
        """Append what a search found (None: an invalid action); ends the episode if nothing fits any more.

        Recorded as the turn's are the passages that are shown; what was found but is not shown is kept
        beside them.
        """
        last_turn = self._turn + 1 == self._params.max_searches
        room = self._room - self._params.max_turn_tokens
        self.opened = ""
        if passages is None:
            closed_by = self._renderer.closed_by(self.trajectory.segments[-1].token_ids)
            ids = self._renderer.invalid_notice(room, last_turn, closed_by)
            self.opened = "" if closed_by is None else self._renderer.opened
        else:
            shown = self._renderer.observation(passages, room, last_turn)
            ids = shown.ids if shown else None
            self._record(*self._pending, passages, shown)
        if ids is None:
            self._end(StopReason.LENGTH_LIMIT)
        else:
            self.new_tokens = self._append(Author.ENVIRONMENT, ids)

    def fail(self, reason: StopReason) -> None:
        """Retriever or engine failed: the episode ends, marked; a search under way gets no passages."""
        if len(self.trajectory.turns) <= self._turn:
            self._record(*self._pending)
        self._end(reason)

    @property
    def _turn(self) -> int:
        return sum(segment.author is Author.POLICY for segment in self.trajectory.segments) - 1

    @property
    def _room(self) -> int:
        return self._params.max_trajectory_tokens - self._length

    def _append(
        self, author: Author, token_ids: list[int], log_probs: list[float] | None = None
    ) -> list[int]:
        turn = self._turn + (author is Author.POLICY)
        self.trajectory.segments.append(Segment(author, max(turn, 0), token_ids, log_probs))
        self._length += len(token_ids)
        return token_ids

    def _record(
        self, action: Action, text: str, found: Sequence[Passage] = (), shown: Observation | None = None
    ) -> None:
        names = [passage.id for passage in found]
        seen, cut = (shown.shown, shown.cut) if shown else ((), ())
        turn = Turn(
            action,
            text,
            passage_ids=tuple(names[position] for position in seen),
            cut_ids=tuple(names[position] for position in cut),
            hidden_ids=tuple(name for position, name in enumerate(names) if position not in seen),
        )
        self.trajectory.turns.append(turn)

    def _end(self, reason: StopReason) -> None:
        self.done = True
        self.trajectory.stop_reason = reason
