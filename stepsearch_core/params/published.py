"""The published benchmarks: what each is called, where it is, how large, under which licence.

`fetch.datasets: {KEY: {}}` loads the source that stands here; a local file of the same format is named in
`fetch.files`. The first four are the paper's, the next three what Search-R1 is measured on besides (its own
rows, as FlashRAG has them); `qa` are questions of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass

_FLASHRAG = "RUC-NLPIR/FlashRAG_datasets"
_FLASHRAG_REVISION = "bcafb8dd07d453be3cbeeeb3f78be1841bddf92c"


@dataclass(frozen=True, slots=True)
class Source:
    """A split of a data set: of the hub at a revision, or of a directory, which has none."""

    name: str
    config: str | None
    split: str
    revision: str | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A file of test questions; `questions` and `source` are of what is published."""

    title: str
    file: str
    """Its name when fetched; the suffix is that of the given file."""
    licence: str
    questions: int | None = None
    source: Source | None = None


def _flashrag(config: str) -> Source:
    return Source(_FLASHRAG, config, "test", _FLASHRAG_REVISION)


_MUSIQUE = ("dgslibisey/MuSiQue", None), "c8f4f8c9465fb69d31a8eae894c3fd509c4ca321"
_HOTPOTQA = ("hotpotqa/hotpot_qa", "distractor"), "1908d6afbbead072334abe2965f91bd2709910ab"
# Parquet; the authors' own is a script, which the library `datasets` runs no more
_TWOWIKI = ("framolfese/2WikiMultihopQA", None), "fe713bfbd1afbca1a65246741a75890405d56a3a"


def _at(place: tuple[tuple[str, str | None], str], split: str) -> Source:
    (name, config), revision = place
    return Source(name, config, split, revision)


CATALOGUE = {
    "musique": Benchmark("MuSiQue", "musique.jsonl", "CC BY 4.0", 2417, _at(_MUSIQUE, "validation")),
    "hotpotqa": Benchmark("HotpotQA", "hotpotqa.json", "CC BY-SA 4.0", 7405, _at(_HOTPOTQA, "validation")),
    "2wikimultihopqa": Benchmark(
        "2Wiki", "2wikimultihopqa.json", "Apache-2.0", 12_576, _at(_TWOWIKI, "validation")
    ),
    "bamboogle": Benchmark("Bamboogle", "bamboogle.csv", "MIT", 125, _flashrag("bamboogle")),
    "nq": Benchmark("NQ", "nq.jsonl", "CC BY-SA 3.0", 3610, _flashrag("nq")),
    "triviaqa": Benchmark("TriviaQA", "triviaqa.jsonl", "of its sources", 11_313, _flashrag("triviaqa")),
    "popqa": Benchmark("PopQA", "popqa.jsonl", "MIT", 14_267, _flashrag("popqa")),
    "qa": Benchmark("Own data", "qa.jsonl", "yours"),
}
"""By their keys in `fetch.files`, `fetch.datasets` and `evaluate.benchmarks`."""
BENCHMARKS = tuple(CATALOGUE)
PAPER_BENCHMARKS = BENCHMARKS[:4]
"""Those that the paper reports, and that a generated world has."""
SOURCES = {
    **{name: benchmark.source for name, benchmark in CATALOGUE.items() if benchmark.source},
    "musique_train": _at(_MUSIQUE, "train"),
    "hotpotqa_train": _at(_HOTPOTQA, "train"),
    "2wikimultihopqa_train": _at(_TWOWIKI, "train"),
    "corpus": Source("PeterJinGo/wiki-18-corpus", None, "train", "69c1c00ffe7c5554c68d8548355cb22e46aabc51"),
}
"""What is published, by key; the corpus is wiki-18."""
