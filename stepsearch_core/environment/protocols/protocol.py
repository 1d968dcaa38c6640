"""What a protocol may do otherwise than the agent of the paper, which writes its own searches, turn by turn.

A protocol is what `environment.protocol` names. The agent's declaration is empty; the others are the
prompting baselines of the paper's main table, for evaluation alone: what is trained is the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stepsearch_core.base.types import Action


@dataclass(frozen=True, slots=True)
class Protocol:
    """Departures from the agent.

    `texts` take the place of a prompt style's fields of these names (`environment.prompts.PromptStyle`),
    unless a prompt file of one's own has them.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[str], Action] | None = None
    """What a turn means; None: as the grammar of the prompt style says."""
    ends: Callable[[str], bool] | None = None
    """Whether a turn of this text is over, besides by the tags of an action."""
    asks_first: bool = False
    """Whether the first query is the question itself, before any turn; its documents stand behind it."""
    goes_on: bool = True
    """Whether turns may be followed by searches."""
    completes: bool = False
    """Whether the last turn goes on from the notice before it, and is read with it."""
    refinement: str | None = None
    """A prompt, with {question}, by which the policy sums up in a context of its own what a search found;
    the summary is what the search shows.
    """
    must_search: bool = True
    """Whether a trajectory without a search is not in the protocol's form."""
    must_think: bool = True
    """The same for one without a thought."""

    @property
    def searches(self) -> bool:
        """Whether there is any search."""
        return self.asks_first or self.goes_on

    def follow_ups(self, max_searches: int) -> int:
        """How many turns may be followed by another, of at most `max_searches` searches a question."""
        return max(0, max_searches - self.asks_first) if self.goes_on else 0
