"""The action grammar: what one turn of the policy means.

`parse_action` reads only what the policy wrote in this turn, never the observations: a tag inside a passage is text.
A turn is `<think>…</think>` (optional for the parse, required by the format check of the paper) followed by exactly one
action, `<search>query</search>` or `<answer>text</answer>`, closed at the very end of the turn. Everything else is
invalid, with the reason as its text. Departure from the released code: it takes the first pair found anywhere in the
turn and runs empty queries (section 1.2 and 1.5 of its listing); here both are invalid.
"""

from __future__ import annotations

import re

from stepsearch_core.types import Action, ActionKind

STOP_STRINGS = ("</search>", "</answer>")
"""A turn ends where the policy closes an action."""

TAGS = tuple(f"<{slash}{name}>" for name in ("think", "search", "information", "answer") for slash in ("", "/"))
"""Every tag of the protocol; trained tokenizers hold each as one token."""

_TAG = re.compile(r"</?(?:think|search|information|answer)>")
_TURN = re.compile(
    r"\s*(?P<think><think>(?P<thought>.*?)</think>)?\s*<(?P<kind>search|answer)>(?P<text>.*)</(?P=kind)>\s*", re.DOTALL
)


def parse_action(text: str) -> Action:
    """The action of one turn's text.

    Malformed, nested, unclosed and empty actions, two actions in one turn, and text outside of the tags are INVALID.
    """
    match = _TURN.fullmatch(text)
    if match is None:
        return Action(ActionKind.INVALID, "no single closed <search> or <answer> at the end of the turn")
    content = match["text"].strip()
    if _TAG.search(content) or _TAG.search(match["thought"] or ""):
        return Action(ActionKind.INVALID, "a tag inside another")
    if not content:
        return Action(ActionKind.INVALID, f"empty <{match['kind']}>")
    return Action(ActionKind(match["kind"]), " ".join(content.split()), has_think=match["think"] is not None)


def thought(text: str) -> str:
    """The text of the turn's `<think>`, or an empty string."""
    match = _TURN.fullmatch(text)
    return (match["thought"] or "").strip() if match else ""


def search_turn(think: str, query: str) -> str:
    """The text of a turn that searches, as the warm start and the oracle write it."""
    return f"<think> {think} </think> <search> {query} </search>"


def answer_turn(think: str, answer: str) -> str:
    """The text of a turn that answers."""
    return f"<think> {think} </think> <answer> {answer} </answer>"
