import os

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import HashingEncoder, TransformersEncoder, encoder_dimensions
from tests.bert import WORDS, save_bert


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


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A function that saves one random BERT under a name of its own."""
    return lambda name, **specials: save_bert(tmp_path_factory.mktemp("models") / name, **specials)


def test_neural_vectors_are_unit_means_over_real_tokens_only(bert):
    import torch
    from transformers import AutoModel

    encoder = TransformersEncoder(bert("plain"))
    texts = ["word1", "word2 word3 word4 word5", "word6 word7"]
    model = AutoModel.from_pretrained(bert("same")).eval()
    with torch.inference_mode():
        means = [
            model(torch.tensor([[WORDS.index(w) + 5 for w in t.split()]])).last_hidden_state[0]
            for t in texts
        ]
    wanted = np.stack([(mean.mean(0) / mean.mean(0).norm()).numpy() for mean in means])
    assert encoder.dimensions == 16
    assert np.allclose(encoder.encode_passages(texts), wanted, atol=1e-5)
    assert np.allclose(encoder.encode_queries(texts), wanted, atol=1e-5)


def test_texts_of_like_length_share_a_batch_and_vectors_come_in_the_order_of_the_texts(bert, texts):
    encoder = TransformersEncoder(str(bert("plain")))
    whole, padded = encoder._encode_batch, []

    def noted(batch):
        lengths = [len(text.split()) for text in batch]
        padded.append(max(lengths) * len(lengths) - sum(lengths))
        return whole(batch)

    encoder._encode_batch = noted
    vectors = encoder.encode_passages(texts)
    alone = np.concatenate([whole([text]) for text in texts])
    assert np.abs(vectors - alone).max() < 1e-5
    assert len(padded) == 4
    words = sum(len(text.split()) for text in texts)
    assert sum(padded) < 0.3 * words  # as the texts come it is .8


def test_long_texts_are_cut_to_what_the_model_takes(bert):
    encoder = TransformersEncoder(bert("plain"))
    long, cut = encoder.encode_passages([" ".join(WORDS[:40]), " ".join(WORDS[:16])])
    assert np.allclose(long, cut, atol=1e-5)


def test_a_query_in_nfd_is_the_same_query(bert):
    encoder = TransformersEncoder(bert("plain"))
    assert np.array_equal(
        encoder.encode_queries(["caf\u00e9 word1"]), encoder.encode_queries(["cafe\u0301 word1"])
    )
    assert np.array_equal(
        encoder.encode_passages(["caf\u00e9 word1"]), encoder.encode_passages(["cafe\u0301 word1"])
    )


def test_e5_models_are_given_their_prefixes(bert):
    plain, e5 = TransformersEncoder(bert("plain")), TransformersEncoder(bert("e5-tiny"))
    assert np.allclose(e5.encode_queries(["word1"]), plain.encode_queries(["query: word1"]), atol=1e-6)
    assert np.allclose(e5.encode_passages(["word1"]), plain.encode_passages(["passage: word1"]), atol=1e-6)
    assert not np.allclose(e5.encode_queries(["word1"]), plain.encode_queries(["word1"]), atol=1e-3)


def test_special_tokens_that_a_text_spells_are_text(bert):
    encoder = TransformersEncoder(bert("plain"))
    spelled, split = encoder.encode_passages(["word1 [PAD] word2", "word1 [ PAD ] word2"])
    assert np.allclose(spelled, split, atol=1e-6)
    assert not np.allclose(spelled, encoder.encode_passages(["word1 word2"])[0], atol=1e-3)


def test_an_encoder_without_padding_pads_with_its_end_of_text(bert):
    plain = TransformersEncoder(bert("plain"))
    without = TransformersEncoder(bert("bare", pad_token=None, eos_token=":"))
    texts = ["word1", "word2 word3 word4"]
    assert np.allclose(without.encode_passages(texts), plain.encode_passages(texts), atol=1e-6)


def test_dimensions_are_known_without_loading_the_encoder(bert):
    assert encoder_dimensions(RetrievalParams(dimensions=99)) == 99
    assert encoder_dimensions(RetrievalParams(encoder=bert("plain"))) == 16
    with pytest.raises(DataError, match=r"field 'retrieval\.encoder': no encoder 'no/such' can be loaded"):
        encoder_dimensions(RetrievalParams(encoder="no/such"))


@pytest.mark.parametrize("before", [None, "false"])
def test_a_tokenizer_works_on_all_cores_while_passages_are_encoded_and_only_then(bert, monkeypatch, before):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    if before:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
    encoder, seen = TransformersEncoder(bert("plain")), []
    encode = encoder._encode

    def looking(texts):
        seen.append(os.environ.get("TOKENIZERS_PARALLELISM"))
        return encode(texts)

    monkeypatch.setattr(encoder, "_encode", looking)
    encoder.encode_passages(["word1"])
    encoder.encode_queries(["word1"])
    assert seen == ["true", before]
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before


def test_a_cpu_encodes_in_single_precision_whatever_vectors_are_kept_in(bert):
    half, single = TransformersEncoder(bert("plain"), "float16"), TransformersEncoder(bert("same"))
    assert (half.dtype, single.dtype) == ("float16", "float32")
    assert np.array_equal(half.encode_passages(["word1"]), single.encode_passages(["word1"]))
