"""Numbers worked out by hand, in vectors of 32 float32 numbers: 128 bytes."""

from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.footprint import Footprint, admit, admit_open, footprint


def of(factory, passages, dtype="float32"):
    return footprint(RetrievalParams(index_factory=factory, dtype=dtype), 32, passages)


def test_flat_takes_its_vectors_and_while_it_grows_twice_that():
    assert of("Flat", 1000) == Footprint(128_000, 2 * 128_000, 2 * 128_000 + 128_000)
    assert of("Flat", 1000, "float16") == Footprint(128_000, 64_000 + 128_000, 2 * 128_000 + 128_000)
    assert of("Flat", 0) == Footprint(0, 0, 0)


def test_memory_does_not_grow_with_the_passages_unless_the_index_is_one_part():
    part = (256 << 20) // 128  # a multiple of a shard
    assert of("Flat", 10**9).memory == of("Flat", 10**8).memory == 2 * 128 * part + 4096 * 128
    assert of("Flat", 10**9).disk == 128 * (10**9 + part)
    trained = 128 * 262_144
    assert of("IVF4,SQ8", 10**9).memory < 2 * (256 << 20) + trained
    assert of("HNSW8", 10**8).memory == 2 * 10**8 * (128 + 4 * 16 + 16) + 4096 * 128


def test_what_is_trained_takes_its_sample_and_what_is_approximate_keeps_the_encoded_passages():
    assert of("IVF4,SQ8", 1000) == Footprint(40_000 + 512, 128_000 + 40_512, 128_000 * 1 + 2 * 40_000 + 512)
    assert of("SQfp16", 1000, "float16").disk == 64_000 + 64_000


@pytest.mark.parametrize(
    ("needed", "said"),
    [
        (
            Footprint(1, 1, 1 << 60),
            r"1152921504\.6 GB of main memory to build the dense index of 7 passages",
        ),
        (Footprint(1, 1 << 60, 1), r"1152921504\.6 GB of disk .* the dense index of 7 passages"),
    ],
)
def test_too_little_is_refused_with_both_numbers(tmp_path, needed, said):
    with pytest.raises(DataError, match=rf"retrieval\.index_factory.*{said}, and \d+\.\d GB are free: "):
        admit(needed, 7, tmp_path, tmp_path)


def test_only_an_index_that_is_read_into_memory_has_to_fit_into_it():
    for factory in ("Flat", "SQ8", "IVF4,SQ8", "HNSW8", "HNSW8_SQ8", "PCA8,Flat"):
        admit_open(RetrievalParams(index_factory=factory), 32, 1 << 60)
    for factory in ("PQ8x4fs", "IVF4,PQ8x4fs", "SQ8,RFlat"):
        admit_open(RetrievalParams(index_factory=factory), 32, 1000)
        with pytest.raises(DataError, match=r"takes 1152921504\.6 GB of main memory to search the dense"):
            admit_open(RetrievalParams(index_factory=factory), 32, 1 << 60)


def test_what_lies_in_the_work_folder_need_not_be_free(tmp_path):
    import shutil

    free = shutil.disk_usage(tmp_path).free
    needed = Footprint(1, free + (1 << 33), 1)
    with pytest.raises(DataError, match="of disk"):
        admit(needed, 7, tmp_path, tmp_path)
    with Path(tmp_path / "passages").open("wb") as sparse:
        sparse.truncate(1 << 34)
    admit(needed, 7, tmp_path, tmp_path)
