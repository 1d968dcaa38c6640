"""What a chat template writes around our texts: a question, a turn's end, a notice, an opened thought.

A template is rendered once, around marks, and taken apart where the marks stand; so a question never goes
through it, and what it spells is no template text. Passages follow a search within the assistant's turn, as
they do without a template. An assistant's turn that the policy has closed itself, by an end-of-turn token,
stays closed: what the environment says next is a user's turn, and a new assistant's turn begins behind it
(`Chat.notice`).

Some templates (Llama 3.x) write today's date. A run that goes on tomorrow, or is made again next year, would
ask in other words; so every template sees `TODAY`, in training and in evaluation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.actions import PLAN, THINK
from stepsearch_core.environment.encoding import TextEncoder, control_tokens

TODAY = date(2024, 7, 26)
"""What day it is for every chat template; the day that Llama 3's own falls back on where it knows none."""
_FIELD = "environment.chat_template"
_QUESTION = "QUESTIONGOESHERE"
_TURN = "TURNGOESHERE"
_NOTICE = "NOTICEGOESHERE"
_REASONING = re.compile(f"<(/?)({THINK.reasoning}|{PLAN.reasoning})>")


@dataclass(frozen=True, slots=True)
class Chat:
    """Texts around ours; `end` is the token that closes an assistant's turn, where the template has one."""

    before_question: str
    after_question: str
    end: int | None = None
    closing: str = ""
    """From the end of an assistant's turn to the user's words, the end itself included."""
    end_text: str = ""

    @property
    def opened(self) -> str:
        """What the prompt's end has opened for the policy to go on with: a reasoning tag and its text."""
        tags = list(_REASONING.finditer(self.after_question))
        return self.after_question[tags[-1].start() :] if tags and not tags[-1][1] else ""

    def asked(self, encoder: TextEncoder, question: str) -> list[int]:
        """The question, which is other people's text, between what stands around it."""
        ids = encoder.theirs_within(self.before_question, question, self.after_question)
        return _begun(ids, encoder.begin)

    def asked_in_parts(self, encoder: TextEncoder, question: str) -> tuple[list[int], list[int]]:
        """The same to the end of the question's line, and what follows."""
        ids = encoder.theirs_within(self.before_question, question, "\n")
        return _begun(ids, encoder.begin), encoder.ours(self.after_question.removeprefix("\n"))

    def around(self, last: int) -> tuple[str, str]:
        """What stands around the user's words after an assistant's turn that ended with token `last`: the
        rest of its end, and the next turn's beginning.
        """
        written = self.end_text if last == self.end else ""
        return self.closing.removeprefix(written), self.after_question

    def notice(self, text: str, last: int) -> str:
        """A notice as the user's words, with what stands around it."""
        before, after = self.around(last)
        return before + text + after


def _begun(ids: list[int], begin: list[int]) -> list[int]:
    """With what the tokenizer begins a text with, once: a template may have written it."""
    return ids if ids[: len(begin)] == begin else [*begin, *ids]


def plain(prompt: str) -> Chat:
    """No chat: `prompt`, with {question}, alone."""
    before, after = prompt.format(question=_QUESTION).split(_QUESTION)
    return Chat(before, after)


def chat_of(tokenizer: Any, prompt: str) -> Chat:
    """The parts of the tokenizer's chat template around `prompt`, which has {question}.

    Raises:
        DataError: there is no template, or it does not write what it is given.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise DataError("the tokenizer has no chat template", "params", field=_FIELD)
    asked = {"role": "user", "content": prompt.format(question=_QUESTION)}
    before, after = _split(_rendered(tokenizer, [asked]), _QUESTION, "the user's question", tokenizer)
    end, closing, end_text = end_of_turn(tokenizer)
    return Chat(before, after, end, closing, end_text)


def end_of_turn(tokenizer: Any) -> tuple[int | None, str, str]:
    """How the chat template ends an assistant's turn.

    Returns:
        The control token (None if it ends with plain text), the text from there to the user's words, the
        token's text.

    Raises:
        DataError: the template does not take a conversation.
    """
    talk = [
        {"role": role, "content": text}
        for role, text in (("user", "a"), ("assistant", _TURN), ("user", _NOTICE))
    ]
    _, behind = _split(_rendered(tokenizer, talk), _TURN, "what the assistant said before", tokenizer)
    closing = _split(behind, _NOTICE, "what the user says after the assistant", tokenizer)[0].lstrip()
    first = tokenizer.encode(closing, add_special_tokens=False)[:1]
    end_text = control_tokens(tokenizer).get(first[0]) if first else None
    return (first[0], closing, end_text) if end_text else (None, closing, "")


def writes_a_date(tokenizer: Any) -> bool:
    """Whether the chat template's prompt is another one on another day.

    Raises:
        DataError: as `chat_of`.
    """
    asked = [{"role": "user", "content": _QUESTION}]
    return _rendered(tokenizer, asked) != _rendered(tokenizer, asked, date(1999, 12, 31))


def _rendered(tokenizer: Any, messages: list[dict[str, str]], today: date = TODAY) -> str:
    try:
        # a template's variable comes before the function of this name that transformers gives all templates
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, strftime_now=today.strftime
        )
    except Exception as error:  # a template is a program: it may raise anything
        reason = " ".join(str(error).split())[:200]
        roles = ", ".join(message["role"] for message in messages)
        raise _problem(tokenizer, f"fails for messages of {roles}: {reason}") from None


def _split(text: str, mark: str, what: str, tokenizer: Any) -> tuple[str, str]:
    before, found, after = text.partition(mark)
    if not found or mark in after:
        raise _problem(tokenizer, f"does not write {what} once, as it was given")
    return before, after


def _problem(tokenizer: Any, what: str) -> DataError:
    folder = tokenizer.name_or_path
    file = Path(folder, "chat_template.jinja")
    where = f" ({file if file.is_file() else folder})" if folder else ""
    return DataError(f"the tokenizer's chat template{where} {what}", "params", field=_FIELD)
