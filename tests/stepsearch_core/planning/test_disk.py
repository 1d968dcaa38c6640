from dataclasses import replace

import pytest

from stepsearch_core.params import DatasetParams, FetchParams, Params, RetrievalParams
from stepsearch_core.planning.disk import (
    dense_footprint,
    disk_bytes,
    downloads,
    passage_count,
)
from stepsearch_core.retrieval.footprint import Footprint
from stepsearch_core.training.architecture import Architecture

HUB = FetchParams(
    source="datasets",
    datasets={
        "corpus": DatasetParams("PeterJinGo/wiki-18-corpus", split="train", revision="r1"),
        "musique": DatasetParams("local", split="train"),
    },
)


SHAPE = Architecture(100, 100, 100, 0, 10, 2, 32, 48, 16, 0, True, 0)
"""100 parameters and a value head of 10."""


def bfloat16():
    params = Params(profile="x")
    params.model.dtype = "bfloat16"
    return params


def test_the_papers_index_takes_65_gb():
    e5 = RetrievalParams(method="dense", encoder="intfloat/e5-base-v2", index_factory="Flat")
    params = Params(profile="x", fetch=HUB, retrieval=e5)
    assert dense_footprint(params).index == 21_015_324 * 768 * 4


@pytest.mark.parametrize(
    ("method", "measured", "bytes_a_passage"),
    [
        ("bm25", ["bm25"], 610 + 400),
        ("dense", ["dense"], 400 + 4096),
        ("hybrid", ["hybrid"], 610 + 400 + 4096),
        ("remote", ["remote"], 400),  # the rewards' term statistics are here
        ("remote", ["remote", "dense"], 400 + 4096),
    ],
)
def test_only_indexes_that_are_searched_or_measured_take_room(method, measured, bytes_a_passage):
    """A part of the dense one, of 16 shards of 4 KB a vector, lies there beside all encoded passages."""
    retrieval = RetrievalParams(method=method, url="http://localhost", dimensions=1024)
    params = Params(profile="x", fetch=HUB, retrieval=retrieval)
    params.index.measured_methods = measured
    dense, passages = bytes_a_passage > 4096, 21_015_324
    a_part = 16 * 4096 * 4096 if dense else 0
    assert disk_bytes(params, SHAPE)["indexes"] == bytes_a_passage * passages + a_part
    assert dense_footprint(params).index == (4096 * passages if dense else 0)


def test_a_ready_made_index_takes_nothing_to_build():
    params = Params(profile="x", fetch=HUB, retrieval=RetrievalParams(method="dense"))
    params.index.ready_made, params.index.measured_methods = "e5_Flat.index", ["dense"]
    assert dense_footprint(params) == Footprint(4096 * 21_015_324, 0, 0)


def test_passages_are_known_of_published_corpora_only():
    assert passage_count(HUB) == 21_015_324
    assert passage_count(FetchParams()) is None


def test_disk_of_a_model_without_a_corpus():
    assert disk_bytes(bfloat16(), SHAPE) == {
        "corpus": 0,
        "indexes": 0,
        "checkpoints": 3 * (14 * 100 + 12 * 10),
        "policies": 2 * 2 * 100,
    }


@pytest.mark.parametrize(
    ("train", "bytes_of_one"),
    [
        ({}, (4 + 8) * 100),  # the moments alone
        ({"zero_stage": 1, "processes": 8, "offload_optimizer": True}, (4 + 12) * 100),
    ],
)
def test_checkpoints_of_float32_weights(train, bytes_of_one):
    params = Params(profile="x")
    params.train = replace(params.train, **train)
    assert disk_bytes(params, SHAPE)["checkpoints"] == 3 * (bytes_of_one + 12 * 10)
    params.train.export = "last"
    assert disk_bytes(params, SHAPE)["checkpoints"] == 2 * (bytes_of_one + 12 * 10)


def test_frozen_weights_have_no_optimizer_states():
    adapted = replace(SHAPE, trained=10)
    assert disk_bytes(bfloat16(), adapted)["checkpoints"] == 3 * (2 * 100 + 12 * 10 + 12 * 10)


def test_a_critic_is_in_checkpoints_and_beside_the_trained_policy():
    disk = disk_bytes(bfloat16(), replace(SHAPE, critic=50))
    assert disk["checkpoints"] == 3 * (14 * (100 + 50) + 12 * 10)
    assert disk["policies"] == 2 * (2 * 100 + 50)


def test_a_model_of_the_hub_is_one_more_policy_and_one_in_a_folder_is_not(tmp_path):
    params = bfloat16()
    params.model.source = "nobody/nothing"
    assert disk_bytes(params, SHAPE)["policies"] == 3 * 2 * 100
    params.model.source = str(tmp_path)
    assert disk_bytes(params, SHAPE)["policies"] == 2 * 2 * 100


def test_the_bm25_index_is_that_of_the_engine():
    params = Params(profile="x", fetch=HUB)
    with_bm25s = disk_bytes(params, SHAPE)["indexes"]
    params.retrieval.bm25_engine = "tantivy"
    assert with_bm25s - disk_bytes(params, SHAPE)["indexes"] == (610 - 160) * 21_015_324


def test_the_guard_keeps_a_third_checkpoint():
    params = bfloat16()
    params.watch.guard.max_kl, params.train.export = 0.5, "last"
    assert disk_bytes(params, SHAPE)["checkpoints"] == 3 * (14 * 100 + 12 * 10)


def test_a_model_in_a_folder_is_no_download(tmp_path):
    params = Params(profile="x")
    params.model.source = str(tmp_path)
    assert downloads(params) == []


def test_downloads_name_models_and_revisions_but_no_local_folder():
    params = Params(profile="x", fetch=HUB, retrieval=RetrievalParams(encoder="intfloat/e5-base-v2"))
    params.model.source = "Qwen/Qwen2.5-3B"
    assert downloads(params) == ["Qwen/Qwen2.5-3B", "intfloat/e5-base-v2", "PeterJinGo/wiki-18-corpus@r1"]
    assert downloads(Params(profile="x")) == []
