"""A build that stopped anywhere goes on from what lies in the work folder, and ends with the same files."""

import subprocess
import sys

import numpy as np
import psutil
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.building import build_parts, check_build, training_sample
from stepsearch_core.retrieval.encoders import fit_encoder
from stepsearch_core.retrieval.parts import open_part
from stepsearch_core.retrieval.shards import encode_corpus
from tests.import_graph import ROOT
from tests.stepsearch_core.retrieval.test_dense import texts


@pytest.fixture
def small(monkeypatch):
    """Shards of 16 passages; parts of one shard of Flat in 32 dimensions, or of several of SQ8."""
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 16)
    monkeypatch.setattr("stepsearch_core.retrieval.parts.PART_BYTES", 16 * 32 * 4)


@pytest.fixture
def build(make_corpus, tmp_path):
    """`build(factory, name)` puts the index into the folder `name`, always with the same work folder."""
    corpus, work = make_corpus(texts(110, seed=1)), tmp_path / "work"
    work.mkdir()

    def run(factory, name, dtype="float32"):
        params = RetrievalParams(dimensions=32, index_factory=factory, dtype=dtype)
        (tmp_path / name).mkdir()
        build_parts(corpus, params, fit_encoder(params, corpus, work), tmp_path / name, work)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    return run


def files(folder):
    """What lies there, with the time at which it was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def remove(folder, *names):
    for name in names:
        (folder / name).unlink()


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["SQ8", "IVF4,SQ8"])
def test_only_what_is_missing_is_made(small, build, tmp_path, factory):
    whole, work = build(factory, "whole"), tmp_path / "work"
    last = max(whole)
    assert len(whole) == {"SQ8": 2, "IVF4,SQ8": 3}[factory]
    before = files(work)
    remove(work, last, "passages_0000000096.npy")
    assert build(factory, "resumed") == whole
    after = files(work)
    assert {name for name in after if after[name] != before[name]} == {last, "passages_0000000096.npy"}


@pytest.mark.slow
@pytest.mark.parametrize("factory", ["SQ8", "IVF4,SQ8"])
def test_an_index_is_trained_once(small, build, tmp_path, factory):
    whole, work = build(factory, "whole"), tmp_path / "work"
    remove(work, *(path.name for path in work.glob("pa*")))  # no shard is left to train on
    trained = files(work)["trained.faiss"]
    assert build(factory, "resumed") == whole
    assert files(work)["trained.faiss"] == trained


def test_encoded_passages_of_an_exact_index_go_with_each_part(small, build, tmp_path):
    whole, work = build("Flat", "whole"), tmp_path / "work"
    assert list(work.glob("passages_*")) == []
    assert len(list(work.glob("part_*"))) == len(whole) == 7
    remove(work, "part_0000000032.faiss")
    before = files(work)
    assert build("Flat", "resumed") == whole
    assert {name for name, time in files(work).items() if before.get(name) != time} == {
        "part_0000000032.faiss"
    }


@pytest.mark.slow
def test_passages_in_float16_are_those_in_float32_rounded(small, build, tmp_path):
    vectors = {}
    for dtype in ("float32", "float16"):
        build("Flat", dtype, dtype)
        vectors[dtype] = open_part(tmp_path / dtype / "part_0000000000.faiss").reconstruct_n(0, 16)
        remove(tmp_path / "work", *files(tmp_path / "work"))
    assert np.array_equal(vectors["float16"], vectors["float32"].astype(np.float16).astype(np.float32))
    assert not np.array_equal(vectors["float16"], vectors["float32"])
    build("SQ8", "approximate", "float16")
    shard = np.load(tmp_path / "work" / "passages_0000000000.npy")
    assert shard.dtype == np.float16
    assert np.array_equal(shard, vectors["float16"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passages", "most", "positions"), [(10, 10, range(10)), (10, 4, [0, 3, 6, 9]), (9, 1, [0])]
)
def test_clusters_are_trained_on_evenly_spaced_passages(
    make_corpus, tmp_path, monkeypatch, passages, most, positions
):
    monkeypatch.setattr("stepsearch_core.retrieval.shards.SHARD_PASSAGES", 4)
    monkeypatch.setattr("stepsearch_core.retrieval.factory.TRAINING_PASSAGES", most)
    corpus = make_corpus(texts(passages, seed=8))
    encoder = fit_encoder(RetrievalParams(dimensions=16), corpus, tmp_path)
    vectors = np.concatenate([part for _, part in encode_corpus(encoder, corpus, tmp_path)])
    assert np.array_equal(training_sample(passages, tmp_path), vectors[list(positions)])


PEAK = """
import sys, threading, time
import psutil
from pathlib import Path
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval import dense, parts
parts.PART_BYTES = 16 << 20
corpus, folder, process = Corpus.open(sys.argv[1]), Path(sys.argv[2]), psutil.Process()
own, done, peak = lambda: process.memory_info().rss - process.memory_info().shared, threading.Event(), 0
def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, own())
before, watching = own(), threading.Thread(target=watch)
watching.start()
dense.DenseIndex.build(corpus, RetrievalParams(dimensions=256), folder)
done.set(); watching.join()
print(peak - before)
"""


@pytest.mark.nightly
def test_memory_of_a_build_does_not_grow_with_the_passages(make_corpus, tmp_path):
    """Of 61 MB of vectors and of four times as much; mapped pages, which can be dropped, do not count."""
    peaks = []
    for passages in (60_000, 240_000):
        make_corpus(f"w{n} w{n % 977} w{n % 31} w{n * 7 % 5003} w{n % 13}" for n in range(passages))
        (tmp_path / str(passages)).mkdir()
        arguments = [str(tmp_path / f"corpus{len(peaks)}"), str(tmp_path / str(passages))]
        run = subprocess.run(
            [sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, cwd=ROOT
        )
        assert run.returncode == 0, run.stderr
        peaks.append(int(run.stdout))
    assert peaks[1] < 1.25 * peaks[0] < 240_000 * 1024


def test_an_index_that_no_memory_or_disk_holds_is_refused_with_the_numbers(tmp_path):
    graph = RetrievalParams(dimensions=1024, index_factory="HNSW32")
    with pytest.raises(
        DataError, match=r"it takes \d+\.\d GB of main memory .* and \d+\.\d GB are free: Flat"
    ):
        check_build(graph, psutil.virtual_memory().total // 4096, tmp_path, tmp_path)
    with pytest.raises(DataError, match=r"it takes \d+\.\d GB of disk .* 10,000,000,000 passages"):
        check_build(RetrievalParams(dimensions=1024), 10**10, tmp_path, tmp_path)
