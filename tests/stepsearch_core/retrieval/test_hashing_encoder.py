import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from stepsearch_core.retrieval.hashing_encoder import HashingEncoder
from tests.bert import WORDS


@pytest.fixture
def texts():
    generator = np.random.default_rng(5)
    return [" ".join(generator.choice(WORDS, size=generator.integers(3, 30))) for _ in range(200)]


def test_projected_cosines_are_those_of_tfidf_with_noise(make_corpus, texts):
    vectors = HashingEncoder.fit(make_corpus(texts), dimensions=4096).encode_passages(texts)
    tfidf = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    errors = vectors @ vectors.T - (tfidf @ tfidf.T).toarray()
    assert vectors.dtype == np.float32
    assert np.abs(errors).max() < 0.12
    assert np.sqrt(np.mean(errors**2)) < 0.02  # 1 / sqrt(4096) = .016


def test_vectors_have_length_one_and_nothing_to_encode_gives_zeros(make_corpus, texts):
    encoder = HashingEncoder.fit(make_corpus(texts), dimensions=64)
    norms = np.linalg.norm(encoder.encode_queries(["word1 word2", "a word never seen", "", "?!"]), axis=1)
    assert norms == pytest.approx([1, 1, 0, 0], abs=1e-6)


def test_a_saved_encoder_gives_the_same_bits(make_corpus, texts, tmp_path):
    encoder = HashingEncoder.fit(make_corpus(texts), dimensions=64)
    encoder.save(tmp_path)
    again = HashingEncoder.load(tmp_path, dimensions=64)
    assert np.array_equal(again.encode_passages(texts), encoder.encode_passages(texts))
