import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import encoder_dimensions, fit_encoder
from stepsearch_core.retrieval.hashing_encoder import HashingEncoder
from stepsearch_core.retrieval.sentence_encoder import SentenceEncoder
from tests.bert import save_bert


@pytest.mark.slow
def test_the_parameters_name_the_encoder_and_how_its_vectors_are_kept(make_corpus, tmp_path):
    corpus, bert = make_corpus(["word1"]), save_bert(tmp_path / "bert")
    hashing = fit_encoder(RetrievalParams(dimensions=8, dtype="float16"), corpus, tmp_path)
    sentence = fit_encoder(RetrievalParams(encoder=bert, dtype="float16"), corpus, tmp_path)
    assert (type(hashing), type(sentence)) == (HashingEncoder, SentenceEncoder)
    assert (hashing.dtype, sentence.dtype) == ("float16", "float16")


def test_dimensions_are_known_without_the_encoders_weights(tmp_path):
    assert encoder_dimensions(RetrievalParams(dimensions=99)) == 99
    assert encoder_dimensions(RetrievalParams(encoder=save_bert(tmp_path / "bert"))) == 16
    with pytest.raises(DataError, match=r"field 'retrieval\.encoder': no encoder 'no/such' can be loaded"):
        encoder_dimensions(RetrievalParams(encoder="no/such"))
