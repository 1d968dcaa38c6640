import numpy as np
import pytest

from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.encoders import fit_encoder
from stepsearch_core.retrieval.shards import encode_corpus, encode_own_shards, shard_starts, whole_shards
from tests.stepsearch_core.retrieval.test_dense import texts

PARAMS = RetrievalParams(dimensions=16)


@pytest.fixture
def corpus(make_corpus, monkeypatch):
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 8)
    return make_corpus(texts(30, seed=3))


def test_shards_are_the_passages_in_their_order_encoded_once(corpus, tmp_path):
    encoder = fit_encoder(PARAMS, corpus, tmp_path)
    made = list(encode_corpus(encoder, corpus, tmp_path))
    assert [(start, len(vectors)) for start, vectors in made] == [(0, 8), (8, 8), (16, 8), (24, 6)]
    together = np.concatenate([vectors for _, vectors in made])
    assert np.array_equal(together, encoder.encode_passages(list(corpus.contents())))
    np.save(tmp_path / "passages_0000000008.npy", np.ones((8, 16), np.float16))
    read = dict(encode_corpus(encoder, corpus, tmp_path, [0, 8]))
    assert list(read) == [0, 8]
    assert np.array_equal(read[0], made[0][1])
    assert read[8].dtype == np.float32
    assert np.array_equal(read[8], np.ones((8, 16)))  # what lies there is not encoded again


@pytest.mark.slow
def test_ranks_encode_shards_of_their_own_and_together_all(corpus, tmp_path, monkeypatch):
    folders = [tmp_path / "one", tmp_path / "three"]
    for folder, ranks in zip(folders, (1, 3), strict=True):
        folder.mkdir()
        for rank in range(ranks):
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", str(ranks))
            before = set(folder.glob("passages_*"))
            encode_own_shards(PARAMS, corpus, folder)
            mine = {path.stem for path in set(folder.glob("passages_*")) - before}
            assert mine == {f"passages_{start:010d}" for start in range(8 * rank, 30, 8 * ranks)}
    one, three = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == three


def test_sizes_in_shards():
    assert [whole_shards(passages) for passages in (0, 4096, 8191, 8192)] == [4096, 4096, 4096, 8192]
    assert list(shard_starts(range(8192, 16_385))) == [8192, 12_288, 16_384]
