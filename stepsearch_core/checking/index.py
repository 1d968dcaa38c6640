"""Retrieval: FAISS can index so many passages, the machine holds them, the report measures what is used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import open_segmenter
from stepsearch_core.benchmarks.sources import QUESTION_FILES
from stepsearch_core.checking.disk import existing, size_of
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.sampling import count_lines
from stepsearch_core.checking.subject import Subject
from stepsearch_core.data.corpus import read_manifest
from stepsearch_core.params import METHODS
from stepsearch_core.planning.disk import ENCODER_DIMENSIONS, built_indexes, passage_count
from stepsearch_core.policy.structure import local_folder
from stepsearch_core.retrieval.bm25_memory import admit_bm25
from stepsearch_core.retrieval.footprint import footprint
from stepsearch_core.retrieval.gpu import open_gpu
from stepsearch_core.retrieval.sentence_files import read_sentence_files
from stepsearch_core.runtime.work_folder import ROOT


def check_words(subject: Subject) -> Iterator[Finding]:
    """What finds and indexes the words is installed, and there is such a list of stop words."""
    retrieval = subject.params.retrieval
    try:
        open_segmenter(retrieval.segmenter)
        if retrieval.stopwords is not None:
            from stepsearch_core.retrieval.indexed_words import stop_words  # a second to import

            stop_words(retrieval)
        if retrieval.bm25_engine == "tantivy" and "bm25" in built_indexes(subject.params):
            from stepsearch_core.retrieval.bm25_tantivy import open_tantivy

            open_tantivy()
    except DataError as error:
        installs = error.field != "retrieval.stopwords"
        yield subject.refusal(error, "" if installs else "the code of one of these languages (en), or null")


def check_bm25_memory(subject: Subject) -> Iterator[Finding]:
    """Main memory does for building BM25: this machine's or, of a published corpus, the profile's."""
    params, passages = subject.params, _passages(subject)
    if passages is None or "bm25" not in built_indexes(params):
        return
    published = passage_count(params.fetch) is not None
    memory = int(params.hardware.memory_gb * 1e9) if published else psutil.virtual_memory().total
    try:
        admit_bm25(params.retrieval.bm25_engine, passages, memory)
    except DataError as error:
        yield subject.refusal(error, "")


def check_factory(subject: Subject) -> Iterator[Finding]:
    """FAISS knows the index, and the corpus has enough passages to train it."""
    from stepsearch_core.retrieval import factory

    dimensions = _dimensions(subject)
    if dimensions is None or subject.params.index.ready_made:  # which is of whatever kind it is
        return
    passages = _passages(subject) or factory.TRAINING_PASSAGES  # where they are not known: enough for most
    try:
        factory.check_factory(subject.params.retrieval.index_factory, dimensions, passages)
    except DataError as error:
        yield subject.refusal(error, "another factory: `stepsearch plan` says what memory it takes")
        return
    retrieval = subject.params.retrieval
    try:
        factory.set_search(factory.make_index(retrieval.index_factory, dimensions), retrieval.index_search)
    except DataError as error:
        yield subject.refusal(error, "")


def check_measured(subject: Subject) -> Iterator[Finding]:
    """The retrieval report measures the method that is searched with; a service may search any of them."""
    params = subject.params
    if params.retrieval.method not in ("remote", *params.index.measured_methods):
        measured = ", ".join(params.index.measured_methods)
        problem = (
            f"{measured}: the report does not measure {params.retrieval.method},"
            " which retrieval.method searches with"
        )
        yield subject.warning(
            "index.measured_methods", problem, f"add {params.retrieval.method}; known: {', '.join(METHODS)}"
        )


def check_device(subject: Subject) -> Iterator[Finding]:
    """FAISS can use a GPU, if it is to."""
    if "dense" not in built_indexes(subject.params):
        return
    try:
        open_gpu(subject.params.retrieval)
    except DataError as error:
        yield subject.refusal(error, "")


def check_ready_made(subject: Subject) -> Iterator[Finding]:
    """The ready-made index is one of the encoder's dimensions, of as many vectors as the corpus file has
    passages, as far as they are counted; `index` checks what they are of.
    """
    from stepsearch_core.retrieval import factory, ready_made

    key, params = "index.ready_made", subject.params
    if params.index.ready_made is None:
        return
    if "dense" not in built_indexes(params):
        problem = "no method that is used or measured searches a dense index: the file is ignored"
        yield subject.warning(key, problem, "add dense to index.measured_methods, or write null")
        return
    try:
        index = ready_made.open_ready_made(Path(params.index.ready_made), _dimensions(subject))
        factory.set_search(index, params.retrieval.index_search)
    except DataError as error:
        yield subject.refusal(error, "the path of a FAISS index, or null" if error.field == key else "")
        return
    yield from _other_passages(subject, index.ntotal)


def _other_passages(subject: Subject, vectors: int) -> Iterator[Finding]:
    """The ready-made index has as many vectors as the corpus file has passages, which may be an estimate."""
    key, fetch = "index.ready_made", subject.params.fetch
    named = set(fetch.files if fetch.source == "files" else fetch.datasets)
    if fetch.source != "world" and "corpus" not in named:
        problem = "no corpus file is fetched, whose passages its vectors have to be of"
        yield subject.error(key, problem, f"add corpus to fetch.{fetch.source}, or write null")
        return
    remedy = "the index of this corpus file, or null"
    if subject.fetched and not subject.comes("fetch"):
        passages = int(subject.fetched["files"]["corpus"]["rows"])
        if vectors != passages:
            problem = f"{vectors:,} vectors, and {passages:,} passages in the corpus file"
            yield subject.error(key, problem, remedy)
    elif file := subject.files.get("corpus"):
        lines = count_lines(file)
        if abs(vectors - lines) > 0.1 * lines + fetch.max_dropped_rows:  # lines are estimated of a large one
            yield subject.error(key, f"{vectors:,} vectors, and about {lines:,} lines in {file}", remedy)


def check_index_size(subject: Subject) -> Iterator[Finding]:
    """Memory and disk hold the dense index of the corpus that is here; of a published one the plan knows."""
    params, dimensions, passages = subject.params, _dimensions(subject), _passages(subject)
    retrieval = params.retrieval
    if "dense" not in built_indexes(params) or passage_count(params.fetch) or params.index.ready_made:
        return
    if dimensions is None or passages is None:
        return
    try:
        needed = footprint(retrieval, dimensions, passages)
    except DataError:
        return  # said of the factory
    key = "retrieval.dimensions" if retrieval.encoder == "hashing" else "retrieval.index_factory"
    smaller = "fewer dimensions, or a smaller index such as IVF4096,SQ8"
    what = f"{passages:,} passages of {dimensions:,} dimensions in {retrieval.index_factory!r}"
    memory = psutil.virtual_memory().total
    if needed.memory > memory:
        problem = f"{gigabytes(needed.memory)} of main memory are needed to build the index of {what}"
        yield subject.error(key, f"{problem}; this machine has {gigabytes(memory)}", smaller)
    elif needed.index > memory:
        problem = f"searches of {what} read up to {gigabytes(needed.index)} from disk, as this machine has"
        yield subject.warning(key, f"{problem} {gigabytes(memory)} of main memory", smaller)
    free = shutil.disk_usage(existing(subject.data)).free
    if needed.disk > free + size_of(subject.data) + size_of(ROOT):
        problem = f"{gigabytes(needed.disk)} of disk are needed to build the index of {what}"
        yield subject.error(key, f"{problem}; {gigabytes(free)} are free", smaller)


def _dimensions(subject: Subject) -> int | None:
    """Of the vectors; None if none are made, or of an encoder that is not known here."""
    retrieval = subject.params.retrieval
    if "dense" not in built_indexes(subject.params):
        return None
    if retrieval.encoder == "hashing":
        return retrieval.dimensions
    folder = local_folder(retrieval.encoder)
    if folder is None:
        return ENCODER_DIMENSIONS.get(retrieval.encoder)
    try:
        return read_sentence_files(folder).dimensions
    except DataError:
        return None


def _passages(subject: Subject) -> int | None:
    """Passages of the corpus at most; None where that is not known."""
    if not subject.comes("corpus"):
        try:
            return int(read_manifest(subject.data / "corpus")["rows"])
        except DataError:
            return None
    if known := passage_count(subject.params.fetch):
        return known
    if subject.world:
        return len(subject.world.passages)
    if not subject.files or subject.documents:
        return None
    corpus = subject.files.get("corpus")
    count = count_lines(corpus) if corpus else 0
    if corpus is None or subject.params.corpus.include_benchmarks:
        count += sum(
            _paragraphs(subject, key, path) for key, path in subject.files.items() if key in QUESTION_FILES
        )
    return count


def _paragraphs(subject: Subject, key: str, path: Path) -> int:
    """Passages that a file of questions brings at most, from its first rows and its size."""
    examples = subject.examples(key)[0]
    if not examples:
        return 0
    rows = count_lines(path) if path.suffix != ".json" else path.stat().st_size // 1000
    return max(len(examples), rows) * max(len(example.context) for example in examples)
