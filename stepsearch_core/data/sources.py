"""What the fetched files hold: the passages that go into the corpus, and the questions that are measured on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stepsearch_core.data.corpus import read_corpus_file
from stepsearch_core.data.fetch import fetched_file, read_questions, read_records
from stepsearch_core.params import BENCHMARKS, CorpusParams
from stepsearch_core.types import Passage, Question


def fetched_passages(params: CorpusParams, folder: Path | str) -> Iterator[Passage]:
    """The passages of the fetched corpus file, then (if asked, or if there is no such file) the benchmarks' contexts.

    Raises:
        DataError: damage in a file.
    """
    corpus_file = fetched_file(folder, "corpus")
    if corpus_file is not None:
        yield from read_corpus_file(corpus_file)
    if params.include_benchmarks or corpus_file is None:
        for name, split in fetched_benchmarks(folder):
            for record in read_records(folder, name, split):
                yield from record.context


def fetched_benchmarks(folder: Path | str) -> list[tuple[str, str]]:
    """(benchmark, split) of every question file that was fetched, the training file first."""
    benchmarks = [("musique", "train")] if fetched_file(folder, "musique_train") else []
    return benchmarks + [(name, "test") for name in BENCHMARKS if fetched_file(folder, name)]


def fetched_questions(folder: Path | str, limit: int | None = None) -> dict[str, list[Question]]:
    """The first `limit` questions of every file that was fetched, under `musique_train` and the benchmarks' names."""
    return {
        name if split == "test" else f"{name}_{split}": read_questions(folder, name, split)[:limit]
        for name, split in fetched_benchmarks(folder)
    }
