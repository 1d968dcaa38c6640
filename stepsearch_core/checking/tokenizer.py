"""The tokenizer against what is written with it: answers it cannot spell, an unused chat template."""

from __future__ import annotations

from collections.abc import Iterator

from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import Subject
from stepsearch_core.environment.chat import TODAY, writes_a_date
from stepsearch_core.policy.writable import (
    MOST_UNWRITABLE,
    UNWRITABLE_SHARE,
    unwritable,
    way_to_write,
    what_limits,
)


def check_template(subject: Subject) -> Iterator[Finding]:
    """A model made for conversations is asked in one, and what the template opens is said."""
    chat = subject.params.environment.chat_template
    tokenizer = subject.tokenizer
    if not chat and getattr(tokenizer, "chat_template", None):
        problem = (
            "false, but the tokenizer has a chat template:"
            " a model made for conversations is asked without it"
        )
        yield subject.note("environment.chat_template", problem, "true puts the prompt through the template")
    if chat and subject.renderer and (opened := subject.renderer.opened.strip()):
        problem = f"the template opens {opened} for the first turn: the policy goes on within it"
        yield subject.note("environment.chat_template", problem)
    if chat and subject.renderer and writes_a_date(tokenizer):
        problem = f"the template writes the day's date: every prompt has that of {TODAY}, whatever the day"
        yield subject.note("environment.chat_template", problem)


def check_answers(subject: Subject) -> Iterator[Finding]:
    """The tokenizer can write the training answers, of which the warm start needs half."""
    tokenizer, params, answers = subject.tokenizer, subject.params, subject.answers
    if tokenizer is None or not answers:
        return
    lost = unwritable(tokenizer, answers)
    if len(lost) <= UNWRITABLE_SHARE * len(answers):
        return
    which = "names in the world, which answers are" if subject.world else "training questions"
    problem = (
        f"{params.tokenizer.kind!r} cannot write any accepted answer of {len(lost)} of"
        f" {len(answers)} {which} ({len(lost) / len(answers):.1%}), {lost[0]!r} for one:"
        " their exact match is always 0"
    )
    finding = subject.error if len(lost) > MOST_UNWRITABLE * len(answers) else subject.warning
    key = what_limits(tokenizer, params.model, params.tokenizer)
    yield finding(key, problem, way_to_write(params.tokenizer))
