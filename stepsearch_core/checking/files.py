"""The files or data sets of `fetch`: they are there, begin well, and hold what later stages need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import DOCUMENTS, FILE_KEYS, QUESTION_FILES, STANDARD_NAMES
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import FIRST_ROWS, Subject
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import read_corpus_row
from stepsearch_core.data.rows import read_rows
from stepsearch_core.fetching.fetch import given_paths
from stepsearch_core.fetching.watched import DEAD, UNWATCHED, dead_link, unwatched_link
from stepsearch_core.params import BENCHMARKS, TRAINING_FILES
from stepsearch_core.synthesis.facts import may_have_steps

NAMED_ROWS = 3
MEND = "mend the file, leave the row out, or let `fetch` drop a few rows (fetch.max_dropped_rows)"


def check_sources(subject: Subject) -> Iterator[Finding]:
    """Every file or data set that `fetch` names is there, or will be downloaded."""
    fetch = subject.params.fetch
    entries: list[str] = {"files": [*fetch.files], "datasets": [*fetch.datasets]}.get(fetch.source, [])
    section = f"fetch.{fetch.source}"
    if fetch.source != "world" and not entries:
        yield subject.error(section, f"empty, and fetch.source is {fetch.source}", "name at least one file")
    known = FILE_KEYS if fetch.source == "files" else tuple(STANDARD_NAMES)
    for key in entries:
        if key not in known:
            problem = f"unknown key {key!r}"
            yield subject.error(f"{section}.{key}", problem, f"one of {', '.join(known)}")
    if fetch.source != "world" and (link := dead_link(fetch.folder)):
        yield subject.error("fetch.folder", f"{link}: {DEAD}", "remove it, or put there what it names")
    if fetch.source == "world":
        yield from _impossible_world(subject)
    elif fetch.source == "files":
        yield from _missing_files(subject)
    elif fetch.source == "datasets":
        for key, dataset in fetch.sources.items():
            local = Path(fetch.folder) / dataset.name
            if local.is_dir() and (link := unwatched_link(fetch.folder, dataset.name)):
                remedy = "put the directory itself there"
                yield subject.error(f"fetch.datasets.{key}.name", f"{link}: {UNWATCHED}", remedy)
            if local.is_dir() or subject.fetched:
                continue
            if not dataset.revision:
                problem = f"{dataset.name} is no directory below {fetch.folder}, and has no revision"
                remedy = "the hash of a commit: what a name alone stands for changes"
                yield subject.error(f"fetch.datasets.{key}.revision", problem, remedy)
            else:
                yield subject.download(
                    f"fetch.datasets.{key}", f"{dataset.name}@{dataset.revision}", "the data set"
                )


def check_beginnings(subject: Subject) -> Iterator[Finding]:
    """The first rows of every file can be read as `fetch` reads them."""
    for key, path in subject.files.items():
        try:
            if key == "corpus":
                subject.accounts[key] = _begin_corpus(path, subject.params.fetch.max_dropped_rows)
            elif key in QUESTION_FILES and (problem := subject.examples(key)[1]):
                raise problem
        except DataError as error:
            yield subject.refusal(error, MEND)
        else:
            yield from left_out(subject, subject.accounts[key]) if key in subject.accounts else ()


def left_out(subject: Subject, account: Account) -> Iterator[Finding]:
    """The first rows that `fetch` drops, if it ends well: an error ends it, and leaves nothing out."""
    for dropped in account.dropped[:NAMED_ROWS]:
        refusal = subject.refusal(dropped, "mend it; `fetch` leaves it out")
        yield replace(refusal, severity=Severity.WARNING)


def check_training_questions(subject: Subject) -> Iterator[Finding]:
    """Training has questions with steps, given or made, or others and no warm start."""
    named, own = _named(subject), subject.params.synthesize
    if named is None or subject.params.evaluate.after == "index":  # nothing is trained
        return
    section = f"fetch.{subject.params.fetch.source}"
    files = [key for key in TRAINING_FILES if key in named]
    if not (files or subject.params.fetch.training_share or own.linked_pairs):
        yield subject.warning(
            section,
            f"no training questions: `synthesize`, which takes them from {', '.join(TRAINING_FILES)},"
            " will end with an error",
            "name a file under one of these; without any `dvc repro index` is as far as this profile goes",
        )
    if not (files or own.linked_pairs) or not all(key in subject.files for key in files):
        return
    read = {key: [example.question for example in subject.examples(key)[0]] for key in files}
    usable = {
        key: sum(own.decompose or own.keep_bare or may_have_steps(q) for q in read[key]) for key in files
    }
    for key in files:
        if read[key] and not usable[key]:
            yield subject.finding(
                Severity.WARNING if any(usable.values()) else Severity.ERROR,
                f"{section}.{key}",
                f"none of the first {len(read[key])} questions has steps, or two supports to make them of",
                "questions with them, `decompositions` beside the file, or"
                " synthesize.decompose=true with a language model; or synthesize.keep_bare=true, if answers"
                " are rewarded alone",
            )
    whole = all(len(questions) < FIRST_ROWS for questions in read.values())
    stepped = own.decompose or own.linked_pairs or subject.params.fetch.training_share
    everything = [question for questions in read.values() for question in questions]
    bare = bool(everything) and not stepped and not any(map(may_have_steps, everything))
    if bare and own.keep_bare and subject.params.warmstart.epochs:
        yield subject.finding(
            Severity.ERROR if whole else Severity.WARNING,
            "warmstart.epochs",
            "no question has steps to make trajectories of: there is nothing for a warm start",
            "warmstart.epochs=0, with a model that can search",
        )
    count, kept = sum(usable.values()) + own.linked_pairs, own.validation_questions
    if whole and 0 < count <= kept:
        yield subject.error(
            "synthesize.validation_questions",
            f"{kept} leave none of {count} usable questions, at most, for training",
            f"less than {count}",
        )


def check_unused(subject: Subject) -> Iterator[Finding]:
    """Benchmarks that are fetched and never asked."""
    for name in BENCHMARKS:
        if name in (_named(subject) or ()) and name not in subject.params.evaluate.benchmarks:
            yield subject.note("evaluate.benchmarks", f"{name} is fetched, but not evaluated")


def _begin_corpus(path: Path, droppable: int) -> Account:
    """Read the first passages of a corpus file as `fetch` does.

    Raises:
        DataError: more of them are damaged than may be.
    """
    account, seen = Account(path, droppable), set[str]()
    for row in islice(read_rows(path, account.drop), FIRST_ROWS):
        try:
            read_corpus_row(row, seen, account)
        except DataError as error:
            account.drop(error)
    return account


def _impossible_world(subject: Subject) -> Iterator[Finding]:
    try:
        _ = subject.world
    except ValueError as error:
        key, _, problem = str(error).rpartition(": ")
        yield subject.error(key or "fetch.world", problem, "another size")


def _missing_files(subject: Subject) -> Iterator[Finding]:
    fetch = subject.params.fetch
    for key, path in given_paths(fetch).items():
        if not (path.exists() if key == DOCUMENTS else path.is_file()):
            yield subject.error(
                f"fetch.files.{key}", f"{path}: no such file", "put it there, or set fetch.folder"
            )
        elif link := unwatched_link(fetch.folder, fetch.files[key]):
            yield subject.error(f"fetch.files.{key}", f"{link}: {UNWATCHED}", "link the file itself")


def _named(subject: Subject) -> set[str] | None:
    """The keys that `fetch` brings; None of a generated world, which brings all."""
    fetch = subject.params.fetch
    return {"files": set(fetch.files), "datasets": set(fetch.datasets)}.get(fetch.source)
