from itertools import islice

import pytest

from perf.retrieval_build import WORDS, Cost, extrapolated, generated_passages, measure
from stepsearch_core.base.text import words
from stepsearch_core.data.corpus import build_corpus


@pytest.fixture(scope="module")
def passages():
    return list(generated_passages(1_500))


def test_a_corpus_is_the_beginning_of_a_larger_one(passages):
    assert len(passages) == 1_500
    assert list(generated_passages(300)) == passages[:300]


def test_passages_are_as_long_as_they_say_and_have_frequent_and_rare_words(passages):
    found = [words(passage.contents) for passage in passages]
    assert sum(map(len, found)) / len(found) == pytest.approx(WORDS, rel=0.01)
    counts: dict[str, int] = {}
    for word in (word for each in found for word in each):
        counts[word] = counts.get(word, 0) + 1
    first, *_ = sorted(counts.values(), reverse=True)
    assert first / sum(counts.values()) == pytest.approx(0.068, abs=0.002)
    assert 15_000 < len(counts) < 25_000
    assert len(next(word for word in counts if counts[word] == first)) == 2


def test_a_line_through_the_two_largest_corpora():
    costs = {
        10: Cost(1.0, 500.0, 100.0, 9.0),
        100: Cost(10.0, 1_000.0, 1_000.0, 0.2),
        1_000: Cost(100.0, 1_900.0, 10_000.0, 0.1),
    }
    # 900 passages more took 90 s, 900 bytes of memory, 9,000 bytes of disk, and no longer a query
    assert extrapolated(costs, 10_000) == Cost(1_000.0, 10_900.0, 100_000.0, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["tantivy", "dense"])
def test_an_index_is_built_and_searched_in_a_process_of_its_own(tmp_path, passages, side):
    build_corpus(islice(passages, 500), tmp_path / "corpus")
    cost = measure(side, tmp_path / "corpus")
    assert cost.seconds > 0
    assert cost.query_seconds > 0
    least = 500 * 1024 * 4 if side == "dense" else 500 * 40
    assert least < cost.disk_bytes < 20 * least + 10_000_000
    assert cost.memory_bytes > 500_000
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


@pytest.mark.slow
def test_a_build_that_fails_ends_the_measurement(tmp_path):
    with pytest.raises(SystemExit, match="the process that built bm25s for none ended with status 1"):
        measure("bm25s", tmp_path / "none")
