"""How an answer is read from what a model says freely, as the prompting baselines let it.

The first of these that is there: what stands between the tags of an answer; what follows the last "answer
is" or "answer:", to the end of its sentence or line; of a turn that is asked for an answer and nothing else,
its first line. Reasoning that a model writes by itself (`<think>`, as models do that were trained to) is no
part of what it says. A full stop behind the answer, quotation marks and Markdown's stars around it are left
out.
"""

from __future__ import annotations

import re

from stepsearch_core.base.types import Action, ActionKind, InvalidReason
from stepsearch_core.environment.actions import PLAN, TAGS, THINK

_TAG = re.compile("|".join(map(re.escape, sorted(TAGS))))
_REASONING = "|".join((THINK.reasoning, PLAN.reasoning))
_REASONED = re.compile(rf".*</(?:{_REASONING})>|<(?:{_REASONING})>.*", re.DOTALL)
_TAGGED = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL)
_NAMED = re.compile(r"\banswer(?: to (?:the|this) question)?\W{0,4}(?:\s+is\b\s*:?|:)", re.IGNORECASE)
SENTENCE = re.compile(r"(?:\w{3}|\b(?:yes|no))[.!?][\"'”’)\]*]*(?=\s|$)|[。！？।؟]", re.IGNORECASE)
"""The end of a sentence: a full stop behind one or two letters is most likely an abbreviation's."""
_FULL_STOP = re.compile(r"(?<=\w{3})\.$|(?<=\bno)\.$|(?<=[\"'”’*`])\.$", re.IGNORECASE)
_AROUND = " \t\"'“”‘’*`"


def said(text: str) -> str:
    """What a turn says, without reasoning of its own and tags; empty if that is all there is."""
    return untagged(_REASONED.sub(" ", text))


def untagged(text: str) -> str:
    """A turn without tags, with all that it says; empty if that is all there is."""
    return _TAG.sub(" ", text).strip()


def named_answer(text: str) -> str | None:
    """The answer that a turn names as such, None if it names none."""
    spoken = _REASONED.sub(" ", text)
    if tagged := _TAGGED.search(spoken):
        return _bare(tagged[1])
    named = list(_NAMED.finditer(spoken))
    return _bare(_first_sentence(spoken[named[-1].end() :])) if named else None


def read_named(text: str) -> Action:
    """A turn that has to name its answer; `has_think` says whether it says something before."""
    answer = named_answer(text)
    if not answer:
        return Action.invalid(InvalidReason.NO_ACTION if answer is None else InvalidReason.EMPTY_ANSWER)
    return Action(ActionKind.ANSWER, answer, has_think=_thinks(text))


def read_whole(text: str) -> Action:
    """A turn that is asked for an answer and nothing else."""
    answer = named_answer(text) or _bare(said(text).partition("\n")[0])
    return Action(ActionKind.ANSWER, answer) if answer else Action.invalid(InvalidReason.NO_ACTION)


def _thinks(text: str) -> bool:
    """Whether a sentence or a line stands before an answer that is named, or reasoning does."""
    spoken = _REASONED.sub(" ", text)
    before = spoken[: (_TAGGED.search(spoken) or [*_NAMED.finditer(spoken)][-1]).start()]
    return bool(_REASONED.search(text) or SENTENCE.search(before) or before.strip().count("\n"))


def _first_sentence(text: str) -> str:
    line = _TAG.sub(" ", text).strip().partition("\n")[0]
    end = SENTENCE.search(line)
    return line[: end.end()] if end else line


def _bare(text: str) -> str:
    words = " ".join(_TAG.sub(" ", text).split()).strip(_AROUND)
    words = _FULL_STOP.sub("", words).strip(_AROUND)
    return words if re.search(r"\w", words) else ""
