"""What indexes cost by the number of passages: BM25 of both engines and the dense index (hashing, Flat).

Passages are generated: about `WORDS` words each, drawn by Zipf's law (with Mandelbrot's offset) from a
vocabulary in which frequent words are short, so that there is a corpus of any size and always the same one.
Each index is built and searched in a process of its own. Memory is the most that this process had for itself
above what it had after its imports, looked at every few milliseconds; pages of mapped files, which the
system may drop, do not count. Queries are `QUERY_WORDS` words of a passage, one query at a time, on one
thread. What wiki-18 would take is a straight line through the two largest corpora.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from perf.measure import report, seconds
from stepsearch_core.base.streams import Name, draws, stream
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import TANTIVY_CONSTANTS, RetrievalParams
from stepsearch_core.planning.disk import PASSAGES

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = SIZES[:2]
WIKI_18 = PASSAGES["PeterJinGo/wiki-18-corpus"]
WORDS = 100
"""Of a passage, on average."""
VOCABULARY = 1_000_000
OFFSET, EXPONENT = 2.7, 1.25
"""The word of rank r, from 1, has the weight 1 / (r + OFFSET) ** EXPONENT: as in MuSiQue's paragraphs, the
first is 7% of all, and 1,000 passages have 12,000 distinct words (10,000 have 68,000, and there 51,000)."""
SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwxyz" for vowel in "aeiou"]
QUERIES, QUERY_WORDS, DEPTH = 100, 8, 10
BATCH = 1_000
"""Passages drawn at once."""
INTERVAL = 0.01
"""Seconds between two looks at the memory."""

SIDES = {
    "bm25s": RetrievalParams(bm25_engine="bm25s"),
    "tantivy": RetrievalParams(
        bm25_engine="tantivy", bm25_k1=TANTIVY_CONSTANTS[0], bm25_b=TANTIVY_CONSTANTS[1]
    ),
    "dense": RetrievalParams(method="dense"),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one index: what building took, what is left on disk, and the time of a query."""

    seconds: float
    memory_bytes: float
    disk_bytes: float
    query_seconds: float


def main(quick: bool) -> None:
    """Build all indexes of all sizes (`quick`: up to 10,000 passages) and print what they cost."""
    sizes = QUICK_SIZES if quick else SIZES
    costs: dict[str, dict[int, Cost]] = {side: {} for side in SIDES}
    with TemporaryDirectory(prefix="stepsearch-build-") as name:
        for size in sizes:
            corpus = Path(name, str(size))
            build_corpus(generated_passages(size), corpus)
            for side in SIDES:
                costs[side][size] = cost = measure(side, corpus)
                print(f"{side}, {size:,} passages: {cost}", file=sys.stderr, flush=True)
    figures: dict[str, float] = {}
    both_sides: dict[str, float] = {}
    for side, by_size in costs.items():
        whole = extrapolated(by_size, WIKI_18)
        figures |= {
            f"{side}_wiki_18_hours": whole.seconds / 3600,
            f"{side}_wiki_18_memory_gb": whole.memory_bytes / 1e9,
            f"{side}_wiki_18_disk_gb": whole.disk_bytes / 1e9,
            f"{side}_wiki_18_queries_a_second": 1 / whole.query_seconds,
        }
        for size, cost in by_size.items():
            both_sides |= {
                f"{side}_{size}_seconds": cost.seconds,
                f"{side}_{size}_memory_bytes_a_passage": cost.memory_bytes / size,
                f"{side}_{size}_disk_bytes_a_passage": cost.disk_bytes / size,
                f"{side}_{size}_queries_a_second": 1 / cost.query_seconds,
            }
    first = [passage.contents for passage in generated_passages(BATCH)]
    report("retrieval_build", figures, both_sides, 1, first, sizes=sizes, words_a_passage=WORDS)


def generated_passages(count: int) -> Iterator[Passage]:
    """The first `count` of an endless row of passages, which are the same whatever the count."""
    draw = stream(0, Name.MEASUREMENT)
    words = np.array([_word(rank) for rank in range(1, VOCABULARY + 1)], dtype=object)
    weights = np.cumsum(1 / (np.arange(1, VOCABULARY + 1) + OFFSET) ** EXPONENT)
    for start in range(0, count, BATCH):
        lengths = 1 + draw.poisson(WORDS - 1, BATCH)
        ranks = np.searchsorted(weights, draw.random(lengths.sum()) * weights[-1])
        texts = np.split(words[ranks], np.cumsum(lengths)[:-1])
        yield from (Passage("", text[0], " ".join(text[1:])) for text in texts[: count - start])


def measure(side: str, corpus: Path) -> Cost:
    """Build one of `SIDES` for the corpus in a folder, in a new process beside it.

    Raises:
        SystemExit: that process ended before it was done, as for want of memory.
    """
    spawning = get_context("spawn")
    here, there = spawning.Pipe()
    with TemporaryDirectory(dir=corpus.parent) as name:
        process = spawning.Process(target=_build_and_search, args=(side, corpus, Path(name), there))
        process.start()
        there.close()
        try:
            here.recv()  # it has imported what it needs
            seen = psutil.Process(process.pid)
            before = peak = _own_memory(seen)
            here.send(None)
            while not here.poll(INTERVAL):
                peak = max(peak, _own_memory(seen))
            build_seconds = here.recv()
            query_seconds = here.recv()
        except EOFError:
            process.join()
            sys.exit(f"the process that built {side} for {corpus.name} ended with status {process.exitcode}")
        process.join()
        disk = sum(file.stat().st_size for file in Path(name).rglob("*") if file.is_file())
    return Cost(build_seconds, peak - before, disk, query_seconds)


def extrapolated(costs: Mapping[int, Cost], passages: int) -> Cost:
    """On the line through the two largest of `costs`, by number of passages; what falls stays as it is."""
    (fewer, low), (more, high) = sorted(costs.items())[-2:]
    steps = (passages - more) / (more - fewer)
    pairs = zip(astuple(low), astuple(high), strict=True)
    return Cost(*(above + max(above - below, 0) * steps for below, above in pairs))


def _word(rank: int) -> str:
    """A word of syllables: two letters for the first 99 ranks, four up to 9,999, six up to a million."""
    word = ""
    while rank:
        rank, digit = divmod(rank, len(SYLLABLES))
        word += SYLLABLES[digit]
    return word


def _own_memory(process: psutil.Process) -> int:
    """Bytes that a process has for itself, without pages of files; none of one that has ended."""
    with suppress(psutil.NoSuchProcess):
        memory = process.memory_info()
        return memory.rss - memory.shared
    return 0


def _build_and_search(side: str, folder: Path, index: Path, parent: Connection) -> None:
    """What the other process does: say when it is ready, then how long the build and a query took."""
    from stepsearch_core.retrieval.bm25_engines import bm25_engine
    from stepsearch_core.retrieval.bm25_tantivy import open_tantivy
    from stepsearch_core.retrieval.dense import DenseIndex

    open_tantivy()
    params = SIDES[side]
    kind = DenseIndex if params.method == "dense" else bm25_engine(params)
    corpus = Corpus.open(folder)
    parent.send(None)
    parent.recv()
    parent.send(seconds(lambda: kind.build(corpus, params, index)))
    draw = draws(0, Name.MEASUREMENT)
    asked = [corpus[draw.randrange(len(corpus))].contents.split() for _ in range(QUERIES)]
    queries = [" ".join(draw.sample(words, QUERY_WORDS)) for words in asked]
    ranker = kind.open(index, params)
    ranker.rank(queries[:1], DEPTH)
    parent.send(seconds(lambda: [ranker.rank([query], DEPTH) for query in queries]) / QUERIES)
