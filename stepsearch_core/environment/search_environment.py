"""One episode of answering a question with searches: the state machine between policy and retriever.

A turn goes `act` (what did the policy do?) and, unless the episode is done, `observe` (what follows in its
context?). At most `max_searches` turns may be followed by another; the turn after the last of them can only
answer. A search in that final turn yields nothing and the episode ends without an answer (as in the released
loop, 1.2).

That is the agent. The renderer's protocol (`environment.protocols`) may have the question itself searched
before the first turn, read turns in another way, allow none a search, or have the policy sum up in a context
of its own what a search found. Whoever plays an episode looks at `query`: if there is one, passages are due;
else a turn is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from stepsearch_core.environment.documents import Observation
from stepsearch_core.environment.protocols.answers import said, untagged
from stepsearch_core.environment.protocols.search_o1 import NOTHING
from stepsearch_core.environment.renderer import Renderer


@dataclass(frozen=True, slots=True)
class _Pending:
    """A turn that is not recorded yet, as its passages are still to come."""

    action: Action
    text: str
    found: Sequence[Passage] = ()
    shown: Observation | None = None


class Episode:
    """A trajectory in the making. Its context is a list of token ids that only grows.

    An episode whose question does not fit into a prompt is done before it begins: its trajectory is empty.
    """

    def __init__(self, question: Question, sample: int, renderer: Renderer) -> None:
        self.question = question
        self.done = False
        self.opened = renderer.opened
        """What the context has opened for the turn that is due, a tag or nothing; the turn begins so."""
        self._renderer = renderer
        self._params = renderer.params
        self._protocol = protocol = renderer.protocol
        self._last = protocol.follow_ups(self._params.max_searches)  # the number of the last turn allowed
        self._length = 0
        self._pending: _Pending | None = None
        self._refining = False
        self.trajectory = Trajectory(
            question.id,
            sample,
            must_search=protocol.must_search and self._params.max_searches > 0,
            must_think=protocol.must_think,
        )
        self.query: str | None = None
        """What is to be searched for before the next turn."""
        self.new_tokens: list[int] = []
        """Tokens the policy has not seen yet."""
        self.fresh = True
        """Whether they begin a context, and stand not behind what the policy has seen."""
        if not renderer.fits(question.question):
            self._end(StopReason.PROMPT_TOO_LONG)
        elif protocol.asks_first:
            self._ask(Action(ActionKind.SEARCH, " ".join(question.question.split())), "")
        else:
            self.new_tokens = self._append(Author.PROMPT, renderer.prompt(question.question))

    @property
    def shown(self) -> int:
        """How many documents the last turn's search showed."""
        return len(self.trajectory.turns[-1].passage_ids) if self.trajectory.turns else 0

    @property
    def turn_tokens(self) -> int:
        """How many tokens the policy may write in this turn."""
        limit = self._params.max_turn_tokens
        return limit if self._refining else min(limit, self._room)

    def act(self, token_ids: list[int], log_probs: list[float] | None, text: str) -> Action:
        """Record a turn of the policy (`log_probs`: one a token) and say what it did; may end it.

        A turn that sums up what a search found is that search's: it is what it did.
        """
        self.fresh = False
        if self._refining:
            return self._sum_up(token_ids, text)
        self._append(Author.POLICY, token_ids, log_probs)
        action = self._read(self.opened + self._renderer.closed(token_ids, text))
        if action.kind is ActionKind.ANSWER:
            self._end(StopReason.ANSWERED)
        elif limit := self._limit_met():
            self._end(limit)
            reason = action.reason or InvalidReason.LAST_TURN
            action = Action(ActionKind.INVALID, f"no answer in the last turn: {action.text}", reason=reason)
        if action.kind is ActionKind.SEARCH:
            self._ask(action, text)
        else:
            self._record(_Pending(action, text))
        return action

    def observe(self, passages: Sequence[Passage] | None) -> None:
        """Append what a search found (None: an invalid action); ends the episode if nothing fits any more.

        Recorded as the turn's are the passages that are shown; what was found but is not shown is kept
        beside them.
        """
        self.query = None
        if passages is None:
            self._show(self._renderer.invalid_notice(self._room_beside_turn, *self._before_turn))
        elif self._turn < 0:
            self._begin(passages)
        elif passages and self._protocol.refinement:
            self._refine(passages)
        else:
            shown = self._renderer.observation(passages, self._room_beside_turn, *self._before_turn)
            self._record_found(passages, shown)
            self._show(shown.ids if shown else None)

    def fail(self, reason: StopReason) -> None:
        """Retriever or engine failed: the episode ends, marked; a search under way gets no passages."""
        if self._pending is not None:
            self._record(self._pending)
        self._end(reason)

    def _limit_met(self) -> StopReason | None:
        """Why none may follow the turn that was just written; None: another one may."""
        return StopReason.TURN_LIMIT if self._turn == self._last else None

    def _read(self, written: str) -> Action:
        if self._protocol.read:
            return self._protocol.read(written)
        return self._renderer.style.grammar.parse(written, self._params.parser)

    def _ask(self, action: Action, text: str) -> None:
        self._pending, self.query = _Pending(action, text), action.text

    def _begin(self, passages: Sequence[Passage]) -> None:
        """The prompt, with what the question itself has found behind the question."""
        before, after = self._renderer.prompt_parts(self.question.question)
        last_turn = self._before_turn[0]
        start = self._renderer.opened_by(last_turn)
        after += self._renderer.encode(start) if start else []
        shown = self._renderer.block(passages, self._room_beside_turn - len(before) - len(after))
        self._record_found(passages, shown)
        if shown is None:
            self._end(StopReason.LENGTH_LIMIT)
            return
        parts = (Author.PROMPT, before), (Author.ENVIRONMENT, shown.ids), (Author.PROMPT, after)
        self.new_tokens = [token for author, ids in parts for token in self._append(author, ids)]
        self.opened += start

    def _refine(self, passages: Sequence[Passage]) -> None:
        """Have the policy sum up the passages in a context of its own."""
        assert self._pending is not None
        action, text = self._pending.action, self._pending.text
        shown = self._renderer.refinement(self.question.question, untagged(text), action.text, passages)
        self._pending = _Pending(action, text, passages, shown)
        if shown is None:
            self._record(self._pending)
            self._end(StopReason.LENGTH_LIMIT)
            return
        self._refining = self.fresh = True
        self.new_tokens = shown.ids

    def _sum_up(self, token_ids: list[int], text: str) -> Action:
        """Show the summary, and go back to the trajectory's own context."""
        assert self._pending is not None
        action = self._pending.action
        self.trajectory.aside_tokens += len(token_ids)
        self._refining = False
        summary = " ".join(said(text).split()) or NOTHING
        ids = self._renderer.summary(summary, self._room_beside_turn, *self._before_turn)
        self._record(self._pending)
        self._show(ids)
        self.fresh, self.new_tokens = True, self.trajectory.token_ids
        return action

    def _record_found(self, passages: Sequence[Passage], shown: Observation | None) -> None:
        assert self._pending is not None
        self._record(replace(self._pending, found=passages, shown=shown))

    def _show(self, ids: list[int] | None) -> None:
        """Append what comes before the next turn, or end for want of room."""
        opened = self._renderer.opened_by(*self._before_turn)
        if ids is None:
            self._end(StopReason.LENGTH_LIMIT)
        else:
            self.new_tokens, self.opened = self._append(Author.ENVIRONMENT, ids), opened

    @property
    def _before_turn(self) -> tuple[bool, int | None]:
        """Whether the last turn comes next, and by which token the turn before has closed the chat's."""
        last_turn = self._protocol.goes_on and self._turn + 1 == self._last
        written = self.trajectory.segments[-1].token_ids if self.trajectory.segments else []
        return last_turn, self._renderer.closed_by(written)

    @property
    def _room_beside_turn(self) -> int:
        return self._room - self._params.max_turn_tokens

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

    def _record(self, turn_made: _Pending) -> None:
        self._pending = None
        shown, names = turn_made.shown, [passage.id for passage in turn_made.found]
        seen, cut = (shown.shown, shown.cut) if shown else ((), ())
        turn = Turn(
            turn_made.action,
            turn_made.text,
            passage_ids=tuple(names[position] for position in seen),
            cut_ids=tuple(names[position] for position in cut),
            hidden_ids=tuple(name for position, name in enumerate(names) if position not in seen),
        )
        self.trajectory.turns.append(turn)

    def _end(self, reason: StopReason) -> None:
        self.done = True
        self.trajectory.stop_reason = reason
