"""The action grammar: what one turn of the policy means.

A turn is the style's reasoning, each block at most once and in the style's order, then exactly one action, closed at
the very end: `<search>query</search>` or `<answer>text</answer>`. The parser gets what the policy wrote in this turn
and nothing else; it never sees prompts, passages or notices, so tags in them mean nothing. Every text has one outcome:

| the turn | its action |
| --- | --- |
| reasoning (or none), then one closed action; white space around and between | SEARCH or ANSWER |
| an answer before any search | ANSWER; the paper's format check (`metrics.search.format_valid`) fails it later |
| no reasoning, or only a comment where the style has one | valid, with `has_think` false |
| no tags: plain text, nothing at all, end-of-text before an action | INVALID, "no action" |
| text before, between or after the blocks, as after an answer | INVALID, "text outside of the tags" |
| an action cut by the turn's limit or by end-of-text; a closing tag alone; mixed up tags | INVALID, "a tag ..." |
| a tag inside another, a tag of information or reasoning included | INVALID, "a tag ..." |
| two actions, an action before reasoning, reasoning twice or in another order, `<information>` | INVALID, "not ..." |
| an action with nothing but white space in it | INVALID, "empty <search>" or "empty <answer>" |
| tags in capitals, with blanks in them, or of another style | text like any other, inside and outside of blocks |
| white space in an action | runs become one blank; all else is kept as written, whatever the script |
| a long action | kept whole: only the turn's limit in tokens bounds it |

Special tokens are no text: decoding leaves them out. In the last turn, `search_environment` makes a search INVALID too.
Departure from the released code: it takes the first pair found anywhere in the turn and runs empty queries (section 1.2
and 1.5 of its listing); here both are invalid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from stepsearch_core.types import Action, ActionKind

STOP_STRINGS = ("</search>", "</answer>")
"""A turn ends where the policy closes an action."""


@dataclass(frozen=True)
class Grammar:
    """Turns of a style: `reasoning` is asked for in every turn; `comment`, on results, may stand before it."""

    reasoning: str
    comment: str | None = None

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the protocol in this style; trained tokenizers hold each as one token."""
        names = (self.reasoning, "search", "information", "answer", *((self.comment,) if self.comment else ()))
        return tuple(f"<{slash}{name}>" for name in names for slash in ("", "/"))

    def parse(self, text: str) -> Action:
        """The action of one turn's text, by the table above; never raises."""
        pieces = self._tag.split(text)
        texts, tags = pieces[::2], pieces[1::2]
        outside, inside, names = texts[::2], texts[1::2], [tag.strip("</>") for tag in tags[::2]]
        problem = None
        if not tags:
            problem = "no action"
        elif tags != [tag for name in names for tag in (f"<{name}>", f"</{name}>")]:
            problem = "a tag that is not closed, not opened or inside another"
        elif any(part.strip() for part in outside):
            problem = "text outside of the tags"
        elif names[-1] not in ("search", "answer") or not self._is_reasoning(names[:-1]):
            problem = "not one action after the reasoning"
        elif not inside[-1].strip():
            problem = f"empty <{names[-1]}>"
        if problem:
            return Action(ActionKind.INVALID, problem)
        return Action(ActionKind(names[-1]), " ".join(inside[-1].split()), has_think=self.reasoning in names)

    def search_turn(self, thought: str, query: str, shown: int = 0) -> str:
        """The text of a turn that searches, as the warm start and the oracle write it.

        After a search that had shown documents, a style's comment names each of them: there is nothing more to say.
        """
        return f"{self._reasoned(thought, shown)} <search> {query} </search>"

    def answer_turn(self, thought: str, answer: str, shown: int = 0) -> str:
        """The text of a turn that answers."""
        return f"{self._reasoned(thought, shown)} <answer> {answer} </answer>"

    def _reasoned(self, thought: str, shown: int) -> str:
        written = f"<{self.reasoning}> {thought} </{self.reasoning}>"
        if not self.comment or not shown:
            return written
        comments = " ".join(f"Doc {rank} ." for rank in range(1, shown + 1))
        return f"<{self.comment}> {comments} </{self.comment}> {written}"

    def _is_reasoning(self, names: list[str]) -> bool:
        return names in ([], [self.reasoning], [self.comment], [self.comment, self.reasoning])

    @cached_property
    def _tag(self) -> re.Pattern[str]:
        return re.compile(f"({'|'.join(self.tags)})")


THINK = Grammar("think")
"""The paper's."""
PLAN = Grammar("plan", comment="observation")
"""The released training prompt's: a plan in every turn, before it a comment on every document of the last search."""
