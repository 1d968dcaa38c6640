import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from stepsearch_core.io import DataError, read_jsonl
from stepsearch_core.rewards.similarity import TfidfSimilarity

CORPUS = ["red apple", "red car", "blue sky"]
texts = st.lists(st.sampled_from(["red", "apple", "car", "blue", "sky", "unseen", "x"]), max_size=6).map(" ".join)


def test_worked_case():
    # N = 3; df(red) = 2 -> idf ln(4/3) + 1 = 1.2876821; df(apple) = df(car) = 1 -> ln(4/2) + 1 = 1.6931472
    # cos("red apple", "red car") = 1.2876821^2 / (1.2876821^2 + 1.6931472^2) = 1.6581251 / 4.5248725
    cosines = TfidfSimilarity.fit(CORPUS).cosine(["red apple"], CORPUS)
    assert cosines.shape == (1, 3)
    assert cosines[0].tolist() == pytest.approx([1.0, 0.3664468, 0.0], abs=1e-6)


def test_a_term_that_the_corpus_lacks_counts_as_the_rarest():
    # idf(zebra) = ln(4/1) + 1 = 2.3862944; norms: "red apple" 2.1271748, "red zebra" sqrt(1.6581251 + 5.6944008)
    similarity = TfidfSimilarity.fit(CORPUS)
    expected = 1.6581251 / (2.1271748 * math.sqrt(7.3525259))
    assert similarity.cosine(["red zebra"], ["red apple"])[0, 0] == pytest.approx(expected, abs=1e-6)
    assert similarity.cosine(["zebra"], ["Zebra"])[0, 0] == pytest.approx(1.0)


def test_repeated_words_weigh_more():
    # raw counts: "red red car" is (2 * 1.2876821, 1.6931472), norm sqrt(4 * 1.6581251 + 2.8667474) = 3.0820...
    expected = (2 * 1.6581251 + 2.8667474) / (2.1271748 * math.sqrt(4 * 1.6581251 + 2.8667474))
    assert TfidfSimilarity.fit(CORPUS).cosine(["red red car"], ["red car"])[0, 0] == pytest.approx(expected, abs=1e-6)


def test_texts_without_terms_are_like_nothing():
    similarity = TfidfSimilarity.fit(CORPUS)
    assert similarity.cosine(["a b", ""], ["a b", "red"]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert similarity.cosine([], ["red"]).shape == (0, 1)
    assert similarity.cosine(["red"], []).shape == (1, 0)


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_cosines_are_symmetric_and_bounded(golds, others):
    similarity = TfidfSimilarity.fit(CORPUS)
    cosines = similarity.cosine(golds, others)
    assert np.array_equal(cosines, similarity.cosine(others, golds).T)
    assert cosines.min() >= 0
    assert cosines.max() <= 1


def test_save_and_load_keep_every_value(tmp_path):
    similarity = TfidfSimilarity.fit([*CORPUS, "naïve café"])
    similarity.save(tmp_path / "frequencies.json")
    loaded = TfidfSimilarity.load(tmp_path / "frequencies.json")
    golds, others = ["red café", "sky"], ["naïve café", "blue red"]
    assert np.array_equal(loaded.cosine(golds, others), similarity.cosine(golds, others))


@pytest.mark.parametrize("content", ["[]", '{"documents": 3}', '{"documents": "3", "document_frequencies": {}}'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "frequencies.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"frequencies\.json: field 'document"):
        TfidfSimilarity.load(path)


def test_values_do_not_depend_on_the_order_of_string_sets():
    program = (
        "from stepsearch_core.rewards.similarity import TfidfSimilarity as T\n"
        "words = [f'word{i} ' * (1 + i % 7) for i in range(60)]\n"
        "model = T.fit([''.join(words[i:i * i]) for i in range(50)])\n"
        "texts = [''.join(words[i:]) for i in range(20)]\n"
        "print(model.cosine(texts, texts).tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


@pytest.fixture(scope="module")
def real_texts(real_data):
    rows = read_jsonl(real_data / "corpus.jsonl")
    return [f"{row['title']}\n{row['text']}" for (_, row), _ in zip(rows, range(3000), strict=False)]


def test_agrees_with_scikit_learn_on_real_text(real_texts):
    vectors = TfidfVectorizer().fit(real_texts).transform(real_texts[:40])
    cosines = TfidfSimilarity.fit(real_texts).cosine(real_texts[:5], real_texts[:40])
    assert np.abs(cosines - (vectors[:5] @ vectors.T).toarray()).max() < 1e-12


def test_a_training_step_costs_milliseconds(real_texts):
    similarity = TfidfSimilarity.fit(real_texts)

    def step():
        """64 trajectories of 4 searches with 3 passages each, against 2 gold passages."""
        start = time.perf_counter()
        for row in range(64):
            for search in range(4):
                first = 12 * row + 3 * search
                similarity.cosine(real_texts[2000 + row : 2002 + row], real_texts[first : first + 3])
        return time.perf_counter() - start

    step()
    assert min(step() for _ in range(5)) < 0.020


def test_the_file_is_plain_json(tmp_path):
    TfidfSimilarity.fit(CORPUS).save(tmp_path / "f.json")
    content = json.loads((tmp_path / "f.json").read_text())
    assert content == {"documents": 3, "document_frequencies": {"apple": 1, "blue": 1, "car": 1, "red": 2, "sky": 1}}
