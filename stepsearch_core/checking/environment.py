"""The limits of an episode against real prompts, questions and passages, in the tokens of the tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import QUESTION_FILES
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import Subject
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.environment.questions import TOO_LONG_SHARE
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import TRAINING_FILES, asked_with

LONG_SHARE = 0.01
"""Of the passages: beyond it a policy is often shown less than was found."""
HIDDEN_SHARE = 0.05
"""Of searches: beyond it a policy often sees fewer passages than it asked for."""
NAMED_QUESTIONS = 5
_LARGEST_FILE = 400_000_000
"""Bytes of a file that is read whole here; `fetch` reads larger ones."""


def check_prompts(subject: Subject) -> Iterator[Finding]:
    """The prompt files that the run and policies asked in a way of their own name can be read."""
    others = (asked_with(subject.params, name) for name in subject.params.evaluate.others)
    for params in (subject.params, *others):
        try:
            style_of(params.environment)
        except DataError as error:
            yield subject.refusal(error, "mend the file, or name another in environment.prompt")


def check_limits(subject: Subject) -> Iterator[Finding]:
    """A prompt, a search with all that it may show, and an answer fit into a trajectory."""
    renderer = subject.renderer
    limits = subject.params.environment
    if renderer is None:
        return
    questions = [
        r.question.question
        for key in subject.files
        if key in QUESTION_FILES
        for r in subject.examples(key)[0]
    ]
    prompt = round(median(renderer.prompt_length(question) for question in questions or [""]))
    rest = limits.max_trajectory_tokens - prompt
    around = len(renderer.encode(renderer.style.opening)) + len(renderer.encode(renderer.style.closing))
    if limits.max_observation_tokens <= around:
        yield subject.error(
            "environment.max_observation_tokens",
            f"{limits.max_observation_tokens} hold nothing beside the {around} tokens around the documents",
            "several hundred for passages of 100 words",
        )
    if rest < limits.max_turn_tokens:
        yield subject.error(
            "environment.max_trajectory_tokens",
            f"{limits.max_trajectory_tokens} leave {max(0, rest)} beside a prompt of {prompt} tokens, and a"
            f" turn may have {limits.max_turn_tokens}",
            "more, or a shorter turn (environment.max_turn_tokens)",
        )
    elif rest < 2 * limits.max_turn_tokens + limits.max_observation_tokens:
        yield subject.warning(
            "environment.max_trajectory_tokens",
            f"{limits.max_trajectory_tokens} hold no whole search with its results and an answer: the prompt"
            f" has {prompt} tokens, two turns and an observation up to"
            f" {2 * limits.max_turn_tokens + limits.max_observation_tokens}",
            "more, or smaller limits of turns and observations",
        )


def check_questions(subject: Subject) -> Iterator[Finding]:
    """Every question leaves room for a turn; those that do not are not trained on or answered."""
    renderer = subject.renderer
    limits = subject.params.environment
    if renderer is None:
        return
    room = limits.max_trajectory_tokens - limits.max_turn_tokens
    for key in filter(QUESTION_FILES.__contains__, subject.files):
        path = subject.files[key]
        if path.stat().st_size > _LARGEST_FILE:
            yield Finding(
                Severity.NOTE, str(path), "question", "too large to look for long questions before fetch", ""
            )
            continue
        long, questions = _too_long(path, renderer, room)
        if long:
            row, tokens = long[0]
            names = ", ".join(
                f"{_name(row)} ({row.place.rpartition(', ')[2]})" for row, _ in long[:NAMED_QUESTIONS]
            )
            more = f" and {len(long) - NAMED_QUESTIONS} more" if len(long) > NAMED_QUESTIONS else ""
            problem = (
                f"{len(long)} too long, as"
                f" prompts of up to {max(n for _, n in long)} tokens for {room}: {names}"
            )
            ends = key in TRAINING_FILES and len(long) > TOO_LONG_SHARE * questions
            severity = Severity.ERROR if ends else Severity.WARNING
            remedy = (
                "leave them out, or environment.max_trajectory_tokens of at least"
                f" {tokens + limits.max_turn_tokens}"
            )
            yield Finding(severity, row.place, "question", problem + more, remedy)


def check_passages(subject: Subject) -> Iterator[Finding]:
    """What a search finds can be shown."""
    renderer = subject.renderer
    limits = subject.params.environment
    if renderer is None or not subject.passages:
        return
    around = len(renderer.encode(renderer.style.opening)) + len(renderer.encode(renderer.style.closing))
    room = limits.max_observation_tokens - around
    document = renderer.style.document
    lengths = [
        len(renderer.encode(document.format(rank=1, title=p.title, text=p.text))) for p in subject.passages
    ]
    how = "" if subject.is_exact else ", estimated"
    long = sum(length > room for length in lengths) / len(lengths)
    if long > LONG_SHARE:
        yield subject.warning(
            "environment.max_observation_tokens",
            f"{long:.1%} of {len(lengths)} sampled passages are longer than the {room} tokens that are left"
            f" for documents (the longest has {max(lengths)}{how}): they are never shown whole",
            f"{sorted(lengths)[int(0.99 * (len(lengths) - 1))] + around} holds 99 of 100"
            " of them, or split them",
        )
    per_search = limits.passages_per_search
    searches = [
        sum(lengths[i : i + per_search]) for i in range(0, len(lengths) - per_search + 1, per_search)
    ]
    hidden = sum(total > room for total in searches) / len(searches) if searches else 0.0
    if hidden > HIDDEN_SHARE and long < hidden:
        yield subject.warning(
            "environment.passages_per_search",
            f"in {hidden:.1%} of searches the {per_search} passages have more than {room} tokens"
            f" together{how}: the last one is cut or not shown",
            "environment.max_observation_tokens of"
            f" {sorted(searches)[int(0.95 * (len(searches) - 1))] + around}, or fewer passages",
        )


def _too_long(path: Path, renderer: Renderer, room: int) -> tuple[list[tuple[Row, int]], int]:
    """The rows whose prompt is longer than `room` tokens, with its length; and how many rows there are."""
    empty = renderer.prompt_length("") + 2
    found: list[tuple[Row, int]] = []
    count = 0
    try:
        for row in read_rows(path, lambda error: None):
            count += 1
            question = row.value.get("question") or row.value.get("Question")
            if isinstance(question, str) and empty + len(question.encode(errors="replace")) > room:
                tokens = renderer.prompt_length(question)
                if tokens > room:
                    found.append((row, tokens))
    except DataError:
        pass  # said where the files are read
    return found, count


def _name(row: Row) -> str:
    return str(row.value.get("id") or row.value.get("_id") or "without an id")
