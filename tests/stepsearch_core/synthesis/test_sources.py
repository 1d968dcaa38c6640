from dataclasses import replace

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import Params, RetrievalParams, SynthesizeParams
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.synthesis.sources import open_sources


def test_each_is_a_retriever_of_the_corpus_and_what_was_found_is_kept(world, tmp_path, monkeypatch):
    params = Params(
        retrieval=RetrievalParams(dimensions=64),
        synthesize=SynthesizeParams(sources=["char_ngrams", "bm25", "hybrid"]),
    )
    build_index(world.corpus, params.retrieval, tmp_path / "index", measured=["dense"])
    query = world.questions[0].hops[0].sub_question
    found = []
    for _ in range(2):
        with open_sources(params, tmp_path / "index", world.corpus, tmp_path / "kept") as sources:
            assert list(sources) == params.synthesize.sources
            found.append({name: source.search([query], 3) for name, source in sources.items()})
        monkeypatch.setattr("stepsearch_core.retrieval.bm25.BM25Index.rank", None)  # not asked again
    assert found[0] == found[1]
    assert all(len(hits) == 3 for of_source in found[0].values() for hits in of_source)
    assert found[0]["bm25"] != found[0]["char_ngrams"]


def test_an_index_that_was_not_built_is_named(world, tmp_path):
    params = Params(retrieval=RetrievalParams(), synthesize=SynthesizeParams(sources=["dense"]))
    build_index(world.corpus, replace(params.retrieval), tmp_path / "index")
    with (
        pytest.raises(DataError, match="no dense index was built"),
        open_sources(params, tmp_path / "index", world.corpus, tmp_path / "kept"),
    ):
        pass
