"""An index in parts finds what the index of all vectors finds, whatever its kind."""

from functools import cache

import faiss
import numpy as np
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval import parts
from stepsearch_core.retrieval.factory import make_index
from stepsearch_core.retrieval.parts import (
    add_vectors,
    centroid_bytes,
    divides,
    join_parts,
    open_part,
    part_files,
    part_name,
    part_ranges,
    vector_bytes,
    write_part,
)

GENERATOR = np.random.default_rng(0)
VECTORS = GENERATOR.standard_normal((900, 32)).astype(np.float32)
QUERIES = GENERATOR.standard_normal((20, 32)).astype(np.float32)


@cache
def trained(factory):
    index = make_index(factory, 32)
    index.train(VECTORS)
    return index


@pytest.mark.parametrize(
    ("factory", "stacked"),
    [
        *(("Flat", True), ("SQ8", True), ("SQfp16", True), ("PCA16,Flat", True)),
        *(("IVF16,Flat", True), ("IVF16,SQ8", True), ("PCA16,IVF16,SQ8", True), ("IVF16,SQ8", False)),
        pytest.param("PQ8x4", True, marks=pytest.mark.slow),
        pytest.param("OPQ8_16,IVF16_HNSW8,PQ8x4", True, marks=pytest.mark.slow),
    ],
)
def test_parts_find_what_one_index_of_all_vectors_finds(tmp_path, factory, stacked):
    write_part(trained(factory), tmp_path / "empty")
    whole = faiss.read_index(str(tmp_path / "empty"))
    for start in range(0, 900, 300):
        part = faiss.read_index(str(tmp_path / "empty"))
        for index in (whole, part):
            add_vectors(index, VECTORS[start : start + 300], start)
        write_part(part, tmp_path / part_name(start))
    joined = join_parts([open_part(file) for file in part_files(tmp_path)], stacked)
    assert joined.ntotal == 900
    if stacked and "IVF" in factory:
        for index in (whole, joined):
            faiss.extract_index_ivf(index).nprobe = 4
    scores, positions = whole.search(QUERIES, 10)
    found_scores, found = joined.search(QUERIES, 10)
    assert np.array_equal(found, positions)
    assert found_scores == pytest.approx(scores, rel=1e-5)  # products of matrices round by their shapes


@pytest.mark.parametrize(
    ("factory", "several"),
    [
        *(("Flat", True), ("PQ8", True), ("IVF4,SQ8", True), ("PCA8,IVF4,Flat", True)),
        *(
            ("HNSW8", False),
            ("PQ8x4fs", False),
            ("IVF4,PQ8x4fs", False),
            ("SQ8,RFlat", False),
        ),
    ],
)
def test_graphs_packed_codes_and_refinements_stay_whole(monkeypatch, factory, several):
    monkeypatch.setattr(parts, "PART_BYTES", 1)
    index = make_index(factory, 32)
    assert divides(index) == several
    assert (len(part_ranges(index, range(10_000))) > 1) == several


def test_parts_are_whole_shards_of_some_size(monkeypatch):
    """By hand: 256 MiB are 87,381 vectors of 3,072 bytes, 21 whole shards of 4,096 are 86,016."""
    flat = make_index("Flat", 768)
    assert part_ranges(flat, range(86_016)) == [range(86_016)]
    assert part_ranges(flat, range(86_017)) == [range(86_016), range(86_016, 86_017)]
    assert len(part_ranges(flat, range(21_015_324))) == 245
    monkeypatch.setattr(parts, "PART_BYTES", 1)  # less than a shard
    assert part_ranges(flat, range(7, 7)) == []
    assert part_ranges(flat, range(5, 5000)) == [range(5, 4101), range(4101, 5000)]
    assert part_ranges(flat, range(9000)) == [range(4096), range(4096, 8192), range(8192, 9000)]


def test_copies_of_centroids_are_at_most_a_quarter_of_all():
    """By hand: 65,536 centroids of 3,072 bytes are 192 MiB, parts hold 768 MiB of vectors of 776 bytes."""
    index = make_index("IVF65536,SQ8", 768)
    assert centroid_bytes(index) == 192 << 20
    first = part_ranges(index, range(21_015_324))[0]
    assert len(first) == (768 << 20) // 776 // 4096 * 4096


@pytest.mark.parametrize(
    "factory", ["Flat", "SQ8", "HNSW16", "HNSW16_SQ8", "IVF4,SQ8", "PCA8,Flat", "SQ8,RFlat"]
)
def test_a_vector_takes_what_the_index_grows_by(factory):
    index = faiss.clone_index(trained(factory))
    index.add(VECTORS)
    before = len(faiss.serialize_index(index))
    index.add(VECTORS)
    grown = (len(faiss.serialize_index(index)) - before) / len(VECTORS)
    assert vector_bytes(index) == pytest.approx(grown, rel=0.02)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_part_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "index.faiss").write_bytes(content)
    with pytest.raises(DataError, match=r"index\.faiss: no whole index: "):
        open_part(tmp_path / "index.faiss")
