import pytest

from stepsearch_core.params import (
    BENCHMARKS,
    CATALOGUE,
    PAPER_BENCHMARKS,
    DatasetParams,
    FetchParams,
    Source,
)
from stepsearch_core.params.published import SOURCES


def test_the_paper_s_come_first():
    assert PAPER_BENCHMARKS == ("musique", "hotpotqa", "2wikimultihopqa", "bamboogle")
    assert BENCHMARKS[4:] == ("nq", "triviaqa", "popqa", "qa")


@pytest.mark.parametrize("key", SOURCES)
def test_what_is_published_is_pinned_to_a_commit(key):
    assert len(SOURCES[key].revision or "") == 40
    assert SOURCES[key].split in ("train", "test", "validation")


def test_every_benchmark_but_one_s_own_has_a_source_and_a_size():
    for name, benchmark in CATALOGUE.items():
        known = (benchmark.questions, benchmark.source)
        assert all(known) if name != "qa" else known == (None, None)


def test_a_key_alone_stands_for_what_is_published():
    fetch = FetchParams(datasets={"nq": DatasetParams(), "musique": DatasetParams("own", split="dev")})
    assert fetch.sources == {"nq": SOURCES["nq"], "musique": Source("own", None, "dev", None)}
