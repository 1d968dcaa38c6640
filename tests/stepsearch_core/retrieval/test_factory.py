"""What is said of a factory before it gets a vector is what FAISS says of it when it gets them."""

from typing import Any

import faiss
import numpy as np
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval.factory import (
    check_factory,
    make_index,
    set_search,
    training_needs,
    training_positions,
)

VECTORS = np.random.default_rng(0).standard_normal((600, 16)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "needed"),
    [
        ("Flat", 0),
        ("HNSW8", 0),
        ("SQfp16", 0),
        ("IVF32,Flat", 32),
        ("IVF32,SQ8", 32),
        ("IVF32_HNSW8,Flat", 32),
        ("IVF8,PQ2x4", 16),
        ("PQ2x5", 32),
        ("PQ4x4fs", 16),
        ("RQ2x5", 32),
        ("IVF4,RQ2x6", 64),
        ("PCA8,IVF32,Flat", 32),
        ("PCA9,Flat", 9),
        ("PCAR9,IVF4,Flat", 9),
        ("ITQ9,Flat", 9),
        ("OPQ4,Flat", 256),
        ("IVF32,Flat,RFlat", 32),
        ("PQ2x4,Refine(PQ2x5)", 32),
    ],
)
def test_training_needs_as_many_vectors_as_faiss_refuses_less_than(factory, needed):
    assert training_needs(make_index(factory, 16)) == needed
    check_factory(factory, 16, max(needed, 8))
    if not needed:
        return
    make_index(factory, 16).train(VECTORS[:needed])
    with pytest.raises(
        RuntimeError, match=r"should be at least as large as number of clusters|PCA matrix cannot"
    ):
        make_index(factory, 16).train(VECTORS[: needed - 1])
    with pytest.raises(
        DataError, match=rf"at least {needed} passages, and of the corpus's {needed - 1} it gets"
    ) as said:
        check_factory(factory, 16, needed - 1)
    assert str(said.value).startswith("params: field 'retrieval.index_factory': ")
    assert "write Flat" in str(said.value)


@pytest.mark.parametrize(
    "factory",
    [
        "Nope",
        "PQ7",
        "",
        "IVF",
        "IVF64,",
        "IVF99999999999,Flat",
        "HNSW0",
        "HNSW1",
        "NSG16",
        "IDMap,Flat",
        "LSH",
    ],
)
def test_what_faiss_cannot_make_is_one_line_that_names_the_parameter(factory):
    with pytest.raises(
        DataError, match=r"^params: field 'retrieval\.index_factory': FAISS cannot make '"
    ) as said:
        check_factory(factory, 16, 600)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("factory", "asked", "given"),
    [
        ("PCA20,Flat", "PCA for 20", 16),
        ("PCAWR20,IVF4,SQ8", "PCA for 20", 16),
        ("ITQ20,Flat", "ITQ for 20", 16),
        ("IVF4(PCA20,Flat),Flat", "PCA for 20", 16),
        ("PCA4,PCA8,Flat", "PCA for 8", 4),
    ],
)
def test_more_dimensions_than_there_are_are_refused_as_faiss_refuses_them(factory, asked, given):
    with pytest.raises(RuntimeError, match="PCA matrix cannot output"):
        make_index(factory, 16).train(VECTORS)
    with pytest.raises(DataError, match=rf"{asked} dimensions of the {given} that it gets") as said:
        check_factory(factory, 16, 10**6)
    assert str(said.value).startswith("params: field 'retrieval.index_factory': ")


@pytest.mark.parametrize("factory", ["RR20,Flat", "Pad20,Flat", "OPQ4_20,PQ4", "ITQ,Flat"])
def test_transforms_that_may_give_more_dimensions_are_not_refused(factory):
    check_factory(factory, 16, 600)


@pytest.mark.parametrize(
    ("factory", "parameters"),
    [
        *(
            ("Flat", "nprobe=4"),
            ("IVF4,Flat", "efSearch=4"),
            ("IVF4,Flat", "nprobe=0"),
            ("IVF4,Flat", "nprobe"),
        ),
        *(("IVF4,Flat", "nprobe=-3"), ("IVF4,Flat", "nprobe=x"), ("IVF4,Flat", "")),
    ],
)
def test_search_parameters_that_an_index_has_not_are_named(factory, parameters):
    with pytest.raises(DataError, match=r"^params: field 'retrieval\.index_search': ") as said:
        set_search(make_index(factory, 16), parameters)
    assert "\n" not in str(said.value)


def test_search_parameters_reach_the_index_whatever_lies_before_it():
    index = make_index("PCA8,IVF8_HNSW8,Flat", 16)
    set_search(index, None)
    assert faiss.extract_index_ivf(index).nprobe == 1
    set_search(index, "nprobe=5,quantizer_efSearch=77")
    inner = faiss.extract_index_ivf(index)
    assert inner.nprobe == 5
    quantizer: Any = faiss.downcast_index(inner.quantizer)
    assert quantizer.hnsw.efSearch == 77


def test_codes_of_eight_bits_need_256_vectors():
    assert [training_needs(make_index(factory, 16)) for factory in ("PQ4", "HNSW8_PQ4", "IVF8,PQ4")] == [
        256
    ] * 3


def test_of_a_large_corpus_only_the_sample_counts():
    assert len(training_positions(21_015_324)) == 259_449  # every 81st
    with pytest.raises(
        DataError, match="at least 262,145 passages, and of the corpus's 21,015,324 it gets 259,449"
    ):
        check_factory("IVF262145,Flat", 2, 21_015_324)
    check_factory("IVF259449,Flat", 2, 21_015_324)
