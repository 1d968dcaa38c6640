"""The nouns of the method: questions, passages, actions, trajectories and rewards.

Everything else in the library speaks in these types. They hold no behaviour beyond simple views of
themselves. Two rules matter: a trajectory is a list of token *segments*, each with its author, and what the
environment knows (queries, passage ids, failures) is a field and never parsed back out of text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrievable text. `id` is a hash of title and text (`text.passage_id`), the same in every corpus."""

    id: str
    title: str
    text: str

    @property
    def contents(self) -> str:
        """Title and text, as retrievers index them and as TF-IDF compares them."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Hop:
    """A part of a question. `sub_question` is resolved (no `#1`), or empty if only supports are known."""

    sub_question: str
    sub_answer: str
    support_ids: tuple[str, ...] = ()
    search_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A multi-hop question with every accepted answer (the first is canonical) and its hops, if known."""

    id: str
    dataset: str
    split: str
    question: str
    answers: tuple[str, ...]
    hops: tuple[Hop, ...] = ()

    @property
    def support_ids(self) -> tuple[str, ...]:
        """Gold passage ids of all hops, each once, in the order of the hops."""
        return tuple(dict.fromkeys(sid for hop in self.hops for sid in hop.support_ids))

    @property
    def has_decomposition(self) -> bool:
        """Whether every hop has a sub-question, which ceilings and the key reward need."""
        return bool(self.hops) and all(hop.sub_question for hop in self.hops)


class ActionKind(StrEnum):
    """What the policy did with a turn."""

    SEARCH = "search"
    ANSWER = "answer"
    INVALID = "invalid"


class InvalidReason(StrEnum):
    """Why a turn held no valid action (`environment.actions` has the table of turns)."""

    NO_ACTION = "no action"
    BROKEN_TAG = "a tag that is not closed, not opened or inside another"
    TEXT_OUTSIDE = "text outside of the tags"
    NOT_ONE_ACTION = "not one action after the reasoning"
    EMPTY_SEARCH = "empty <search>"
    EMPTY_ANSWER = "empty <answer>"
    LAST_TURN = "a search in the last turn"


@dataclass(frozen=True, slots=True)
class Action:
    """The one action of a turn: the query of a search, the answer, or why the turn held no valid action."""

    kind: ActionKind
    text: str
    has_think: bool = False
    reason: InvalidReason | None = None
    """Set if, and only if, the turn held no valid action."""

    @classmethod
    def invalid(cls, reason: InvalidReason) -> Action:
        """No valid action."""
        return cls(ActionKind.INVALID, str(reason), reason=reason)


class StopReason(StrEnum):
    """Why a trajectory ended."""

    ANSWERED = "answered"
    """The policy closed an `<answer>`."""
    TURN_LIMIT = "turn_limit"
    """The last turn allowed was used and held no answer."""
    LENGTH_LIMIT = "length_limit"
    """No room for another turn within the trajectory's token limit."""
    PROMPT_TOO_LONG = "prompt_too_long"
    """The question was never asked: its prompt leaves no room for a turn."""
    RETRIEVAL_FAILED = "retrieval_failed"
    """The retriever refused or answered garbage, in every attempt."""
    RETRIEVAL_TIMEOUT = "retrieval_timeout"
    """The retriever took longer than allowed."""
    ENGINE_FAILED = "engine_failed"
    """The sampling engine failed while it held the trajectory's context."""
    GIVEN_UP = "given_up"
    """Whoever asked does not wait for the answer any more."""


FAILURES = (
    StopReason.PROMPT_TOO_LONG,
    StopReason.RETRIEVAL_FAILED,
    StopReason.RETRIEVAL_TIMEOUT,
    StopReason.ENGINE_FAILED,
    StopReason.GIVEN_UP,
)
"""Not the policy's doing: such trajectories are kept, and left out of the loss and of group statistics."""


class Author(StrEnum):
    """Who wrote a segment. Only policy segments are trained."""

    PROMPT = "prompt"
    POLICY = "policy"
    ENVIRONMENT = "environment"


@dataclass(slots=True)
class Segment:
    """Tokens by one author in one turn; `log_probs` (policy only) are those of sampling, one a token."""

    author: Author
    turn: int
    token_ids: list[int]
    log_probs: list[float] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What the environment saw in a turn. The passages are those of a search, in rank order."""

    action: Action
    text: str
    passage_ids: tuple[str, ...] = ()
    """What the policy was shown, whole or cut."""
    cut_ids: tuple[str, ...] = ()
    """Of these, what was too long to be shown whole."""
    hidden_ids: tuple[str, ...] = ()
    """Found but not shown: no room was left, or the passage alone takes more than there is."""


@dataclass(slots=True)
class Trajectory:
    """One episode. Turn t's policy tokens are the segment with `author == POLICY` and `turn == t`."""

    question_id: str
    sample: int
    segments: list[Segment] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    stop_reason: StopReason = StopReason.TURN_LIMIT
    must_search: bool = True
    """Whether its form wants a search (`metrics.search.format_valid`)."""
    must_think: bool = True
    """Whether it wants a thought."""
    aside_tokens: int = 0
    """What the policy wrote in contexts of their own, of which no segment tells (`protocols.search_o1`)."""

    @property
    def token_ids(self) -> list[int]:
        """The whole context, prompt first."""
        return [token for segment in self.segments for token in segment.token_ids]

    @property
    def policy_mask(self) -> list[bool]:
        """True where the policy wrote the token; as long as `token_ids`."""
        return [segment.author is Author.POLICY for segment in self.segments for _ in segment.token_ids]

    @property
    def log_probs(self) -> list[float]:
        """Sampling log-probabilities of the policy's tokens, in order; as long as `policy_mask` has True."""
        return [value for segment in self.segments for value in segment.log_probs or ()]

    @property
    def response_length(self) -> int:
        """Tokens after the prompt, the environment's included (as the paper plots it)."""
        return sum(
            len(segment.token_ids) for segment in self.segments if segment.author is not Author.PROMPT
        )

    @property
    def searches(self) -> list[Turn]:
        """The turns that were searches, in order."""
        return [turn for turn in self.turns if turn.action.kind is ActionKind.SEARCH]

    @property
    def answer(self) -> str | None:
        """The final answer, or None when the trajectory ended without one."""
        if self.turns and self.turns[-1].action.kind is ActionKind.ANSWER:
            return self.turns[-1].action.text
        return None


@dataclass(frozen=True, slots=True)
class StepReward:
    """Reward of one search turn: information gain (eq. 10) and redundancy (eq. 13), both unweighted."""

    turn: int
    information_gain: float
    redundancy: float


@dataclass(frozen=True, slots=True)
class RewardBreakdown:
    """Every part of a trajectory's reward before weighting; `rewards.composition` weighs and places them."""

    answer: float
    search_key: float
    step_rewards: tuple[StepReward, ...]
    format_ok: bool
    terms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of each of `reward.terms`, by its import path, a value for every turn (`rewards.terms`)."""
