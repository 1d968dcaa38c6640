import pytest

from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import Params, RetrievalParams
from stepsearch_core.retrieval.hashing_encoder import HashingEncoder
from stepsearch_core.retrieval.index import build_index
from tasks.encode import main
from tasks.index_work import index_work
from tests.checkout import link_checkout


@pytest.mark.slow
def test_the_index_finds_what_ranks_of_two_machines_encoded(tmp_path, monkeypatch):
    monkeypatch.chdir(link_checkout(tmp_path))
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 8)
    (tmp_path / "data" / "fetch").mkdir(parents=True)
    build_corpus((Passage("", "", f"word{number}") for number in range(30)), "data/corpus")
    params = Params(profile="test", retrieval=RetrievalParams(method="dense", dimensions=16))
    params.index.processes = 8  # whoever encodes how much: the work is the same
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        main(params)
    params.index.processes = 1
    work = index_work(params).path
    assert len(list(work.glob("passages_*.npy"))) == 4
    monkeypatch.setattr(HashingEncoder, "encode_passages", None)
    build_index(Corpus.open("data/corpus"), params.retrieval, "data/index", work)
