import json

from stepsearch_core.checking import sampling
from stepsearch_core.checking.sampling import count_lines, sample_corpus_file


def corpus(path, count):
    rows = ({"id": str(n), "title": f"T{n}", "text": "word " * (1 + n % 7)} for n in range(count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "damage\n")
    return path


def test_small_files_give_evenly_spaced_passages_and_an_exact_count(tmp_path):
    path = corpus(tmp_path / "corpus.jsonl", 99)
    assert [passage.title for passage in sample_corpus_file(path, 10)] == [
        f"T{n}" for n in range(0, 100, 10)
    ]
    assert len(sample_corpus_file(path, 1000)) == 99
    assert count_lines(path) == 100
    assert sample_corpus_file(corpus(tmp_path / "empty.jsonl", 0), 5) == []


def test_large_files_are_not_read_whole(tmp_path, monkeypatch):
    path = corpus(tmp_path / "corpus.jsonl", 5000)
    monkeypatch.setattr(sampling, "_COUNTED_BYTES", 10_000)
    sample = sample_corpus_file(path, 500)
    assert 480 <= len(sample) <= 500
    lengths = [len(passage.text.split()) for passage in sample]
    assert 3.5 < sum(lengths) / len(lengths) < 4.5  # 4 on average, not what the bytes would favour
    assert 4500 < count_lines(path) < 5500
