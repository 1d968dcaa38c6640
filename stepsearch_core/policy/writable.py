"""Answers that a tokenizer can write: the others no policy can give, however well it searches."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import normalize_answer
from stepsearch_core.environment.actions import PLAN, THINK
from stepsearch_core.metrics.answers import word_f1
from stepsearch_core.params import ModelParams, TokenizerParams

UNWRITABLE_SHARE = 0.01
"""Of questions: more than this many without an answer that can be written are worth a warning."""
MOST_UNWRITABLE = 0.5
"""Of questions: where more have no answer that can be written, the warm start stops."""
_EXAMPLES = 10


def unwritable(tokenizer: Any, accepted: Iterable[Sequence[str]]) -> list[str]:
    """The first answer of each question none of whose answers can be written with this tokenizer.

    An answer is written if what it is encoded as decodes to the same text, as exact match compares texts
    (`text.normalize_answer`), holds a word that F1 counts, and spells no tag of the protocol, which a turn
    would be read by. Of the others no policy can write the like: the best score is below 1, and of an answer
    without a word it is 0.

    Args:
        tokenizer: the policy's.
        accepted: every accepted answer of each question, as in `Question.answers`.
    """
    return [
        answers[0] for answers in accepted if not any(_is_writable(tokenizer, answer) for answer in answers)
    ]


def written_answers(tokenizer: Any, accepted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """How many questions have an answer that can be written, for the log and the report; see `unwritable`.

    Returns:
        `{"questions", "unwritable", "share", "warn_above", "examples"}`; the share is that of the
        unwritable.
    """
    found = unwritable(tokenizer, accepted)
    return {
        "questions": len(accepted),
        "unwritable": len(found),
        "share": len(found) / len(accepted) if accepted else 0.0,
        "warn_above": UNWRITABLE_SHARE,
        "examples": list(dict.fromkeys(found))[:_EXAMPLES],
    }


def warn_of_unwritable(answers: Mapping[str, Any]) -> None:
    """Log what `written_answers` found: a warning beyond the limit, a note below it."""
    if not answers["unwritable"]:
        return
    level = logging.WARNING if answers["share"] > answers["warn_above"] else logging.INFO
    problem = "%d of %d training questions have no answer that the tokenizer can write, as %s"
    examples = ", ".join(map(repr, answers["examples"]))
    logging.getLogger("warmstart").log(level, problem, answers["unwritable"], answers["questions"], examples)


def refuse_unwritable(
    answers: Mapping[str, Any], tokenizer: Any, model: ModelParams, params: TokenizerParams
) -> None:
    """Stop where most of what training asks for can never be right.

    Raises:
        DataError: `written_answers` found more than `MOST_UNWRITABLE`; names the parameter.
    """
    if answers["share"] > MOST_UNWRITABLE:
        problem = (
            f"{answers['unwritable']} of {answers['questions']} training questions have no answer that the"
            f" tokenizer can write, as {answers['examples'][0]!r}: {way_to_write(params)}"
        )
        raise DataError(problem, "params", field=what_limits(tokenizer, model, params))


def what_limits(tokenizer: Any, model: ModelParams, params: TokenizerParams) -> str:
    """The parameter that decides what can be written: the model's own tokenizer, the size of a vocabulary
    that is full, or its kind.
    """
    if model.source:
        return "model.source"
    is_full = params.kind == "word" and tokenizer.vocab_size >= params.vocab_size
    return "tokenizer.vocab_size" if is_full else "tokenizer.kind"


def way_to_write(params: TokenizerParams) -> str:
    """What to do about it."""
    larger = f"a vocabulary of more than {params.vocab_size}, or " if params.kind == "word" else ""
    return f"{larger}tokenizer.kind: bpe, which writes every text"


def _is_writable(tokenizer: Any, answer: str) -> bool:
    if any(tag in answer for tag in (*THINK.tags, *PLAN.tags)):
        return False
    ids = tokenizer.encode(answer, add_special_tokens=False)
    written = tokenizer.decode(ids, skip_special_tokens=True)
    return normalize_answer(written) == normalize_answer(answer) and word_f1(written, (answer,)) > 0
