import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import Params, RetrievalParams, SynthesizeParams
from stepsearch_core.retrieval import char_ngrams
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.synthesis.sources import open_sources


@pytest.fixture
def opened(world, tmp_path):
    """Opens sources by their names, over BM25 and a dense index, with BM25 searched already."""
    retrieval = RetrievalParams(dimensions=64)
    build_index(world.corpus, retrieval, tmp_path / "index", measured=["dense"])

    def open_them(*names):
        params = Params(retrieval=retrieval, synthesize=SynthesizeParams(sources=[*names]))
        return open_sources(params, tmp_path / "index", world.corpus, tmp_path / "kept", world.retriever)

    return open_them


def test_each_is_a_retriever_of_the_corpus_and_what_was_found_is_kept(world, opened, monkeypatch):
    names, query = ("char_ngrams", "bm25", "dense"), world.questions[0].hops[0].sub_question
    found = []
    for _ in range(2):
        with opened(*names) as sources:
            assert tuple(sources) == names
            assert sources["bm25"] is world.retriever  # it is open already
            found.append({name: source.search([query], 3) for name, source in sources.items()})
        monkeypatch.setattr("stepsearch_core.retrieval.dense.DenseIndex.rank", None)  # not asked again
    assert found[0] == found[1]
    assert all(len(hits) == 3 for of_source in found[0].values() for hits in of_source)
    assert found[0]["bm25"] != found[0]["char_ngrams"]


def test_an_index_that_was_not_built_is_named(world, tmp_path):
    params = Params(synthesize=SynthesizeParams(sources=["dense"]))
    build_index(world.corpus, params.retrieval, tmp_path / "index")
    with (
        pytest.raises(DataError, match="no dense index was built"),
        open_sources(params, tmp_path / "index", world.corpus, tmp_path / "kept", world.retriever),
    ):
        pass


def test_a_corpus_that_does_not_fit_is_refused(opened, monkeypatch):
    monkeypatch.setattr(char_ngrams, "LARGEST", 100)
    with pytest.raises(DataError, match=r"char_ngrams is for 100 passages at most"), opened("char_ngrams"):
        pass
