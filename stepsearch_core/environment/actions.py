"""The action grammar: what one turn of the policy means, read in one of two ways (`environment.parser`).

`strict`: a turn is the style's reasoning, each block at most once and in the style's order, then exactly one
action, closed at the very end: `<search>query</search>` or `<answer>text</answer>`. It is for small models
that the warm start has taught the format. `lenient`: the first closed pair of search or answer tags is the
action, and all around it is text, as the released code reads turns (1.2); it is for models that come with
habits of their own. The parser gets what the policy wrote in this turn and nothing else; it never sees
prompts, passages or notices, so tags in them mean nothing. Every text has one outcome:

| the turn | strict | lenient |
| --- | --- | --- |
| reasoning (or none), then one closed action; white space around and between | SEARCH or ANSWER | the same |
| an answer before any search | ANSWER; the format check (`metrics.search`) fails it later | the same |
| no reasoning, or only a comment where the style has one | valid, with `has_think` false | the same |
| no tags: plain text, nothing at all, end-of-text before an action | INVALID, "no action" | the same |
| reasoning alone; an information block alone | INVALID, "not ..." | INVALID, "no action" |
| an action cut by the limit or end-of-text; a closing tag alone | INVALID, "a tag ..." | the same |
| an action opened with one tag and closed with the other's | INVALID, "a tag ..." | the same |
| text before, between or after the blocks | INVALID, "text outside ..." | the action |
| text in the token that closes the tag, as in `</search>.` | the action (`Renderer.closed`) | the same |
| reasoning that is not closed, or only closed, before an action | INVALID, "a tag ..." | the action |
| reasoning that names a tag of an action, then an action | INVALID, "a tag ..." | the action |
| an action inside reasoning, closed there | INVALID, "a tag ..." | the action: the turn ends with it |
| a tag of reasoning or information inside an action | INVALID, "a tag ..." | the action as written |
| a tag of an action inside an action | INVALID, "a tag ..." | the innermost pair that closes first |
| two actions, action before reasoning, reasoning twice, an observation | INVALID, "not ..." | the first |
| an action with nothing but white space in it | INVALID, "empty ..." | the same |
| tags in capitals, with blanks in them, or of another style | text like any other | the same |
| white space in an action | runs become one blank; all else is kept, whatever the script | the same |
| a long action | kept whole: only the turn's limit in tokens bounds it | the same |

A turn is over with the token in which a closing tag ends in the decoded text, whatever the engine
(`sampling.turns.StopRule`). Text in that token behind the tag (a full stop, a line's end, half a character)
was sampled with it: the token stays in the context and is trained whole, but its text is no part of the
action, of this turn's form or of the next turn. What an engine has sampled behind that token is dropped.

`has_think` is true where reasoning stands before the action; to the lenient reading one of its two tags is
enough, for a model may forget the other. A turn begins where the context ends: if a chat template has opened
the reasoning, its tag is put before what the policy wrote (`search_environment`), and the turns that we
write do not repeat it. Special tokens but tags are no text: decoding leaves them out. In the last turn,
`search_environment` makes a search INVALID too. Departures of `lenient` from the released code: empty
queries, which it runs, are INVALID; and of a pair that is opened twice it takes the outer one, here it is
the inner, so that a thought that names `<search>` does no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from stepsearch_core.base.types import Action, ActionKind, InvalidReason

STOP_STRINGS = ("</search>", "</answer>")
"""A turn ends where the policy closes an action."""

_ACTION = re.compile(r"<(search|answer)>((?:(?!</?(?:search|answer)>).)*)</\1>", re.DOTALL)
_ACTION_TAG = re.compile(r"</?(?:search|answer)>")


@dataclass(frozen=True)
class Grammar:
    """Turns of a style: `reasoning` is asked for in every turn; `comment`, on results, may go before."""

    reasoning: str
    comment: str | None = None

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the protocol in this style; trained tokenizers hold each as one token."""
        names = (
            self.reasoning,
            "search",
            "information",
            "answer",
            *((self.comment,) if self.comment else ()),
        )
        return tuple(f"<{slash}{name}>" for name in names for slash in ("", "/"))

    def parse(self, text: str, reading: str = "strict") -> Action:
        """The action of one turn's text, by the table above; never raises."""
        return self._lenient(text) if reading == "lenient" else self._strict(text)

    def _strict(self, text: str) -> Action:
        pieces = self._tag.split(text)
        texts, tags = pieces[::2], pieces[1::2]
        outside, inside, names = texts[::2], texts[1::2], [tag.strip("</>") for tag in tags[::2]]
        if not tags:
            return Action.invalid(InvalidReason.NO_ACTION)
        if tags != [tag for name in names for tag in (f"<{name}>", f"</{name}>")]:
            return Action.invalid(InvalidReason.BROKEN_TAG)
        if any(part.strip() for part in outside):
            return Action.invalid(InvalidReason.TEXT_OUTSIDE)
        if names[-1] not in ("search", "answer") or not self._is_reasoning(names[:-1]):
            return Action.invalid(InvalidReason.NOT_ONE_ACTION)
        return _action(names[-1], inside[-1], self.reasoning in names)

    def _lenient(self, text: str) -> Action:
        found = _ACTION.search(text)
        if not found:
            cut = _ACTION_TAG.search(text)
            return Action.invalid(InvalidReason.BROKEN_TAG if cut else InvalidReason.NO_ACTION)
        before = text[: found.start()]
        return _action(
            found[1], found[2], f"<{self.reasoning}>" in before or f"</{self.reasoning}>" in before
        )

    def search_turn(self, thought: str, query: str, shown: int = 0, opened: str = "") -> str:
        """The text of a turn that searches, as the warm start and ceilings write it.

        After a search that had shown documents, a style's comment names each of them: there is nothing more
        to say. What the context has `opened` (`Episode.opened`) is not repeated. Thought and query are other
        people's text (questions, names): tags of the protocol that they spell are left out, or the turn
        would be another one.
        """
        return f"{self._reasoned(thought, shown, opened)} <search> {self._untagged(query)} </search>"

    def answer_turn(self, thought: str, answer: str, shown: int = 0, opened: str = "") -> str:
        """The text of a turn that answers, written as `search_turn` writes."""
        return f"{self._reasoned(thought, shown, opened)} <answer> {self._untagged(answer)} </answer>"

    def _untagged(self, text: str) -> str:
        return self._tag.sub(" ", text)  # a blank: what stood around a tag must not spell another

    def _reasoned(self, thought: str, shown: int, opened: str) -> str:
        thought = self._untagged(thought)
        if opened:
            return f"{'' if opened[-1].isspace() else ' '}{thought} </{self.reasoning}>"
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


def _action(name: str, content: str, has_think: bool) -> Action:
    words = content.split()
    if not words:
        return Action.invalid(InvalidReason.EMPTY_SEARCH if name == "search" else InvalidReason.EMPTY_ANSWER)
    return Action(ActionKind(name), " ".join(words), has_think)


THINK = Grammar("think")
"""The paper's."""
PLAN = Grammar("plan", comment="observation")
"""The released training prompt's: a plan in every turn, before it a comment on each document found."""
TAGS = frozenset((*THINK.tags, *PLAN.tags))
"""Every tag of any style."""
