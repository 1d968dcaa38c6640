import json

import pytest
from huggingface_hub import constants
from transformers import AutoConfig

from stepsearch_core.base.errors import DataError
from stepsearch_core.policy.structure import (
    FAMILIES,
    context_limit,
    local_folder,
    read_config,
    structure_problem,
)


def test_a_model_is_a_folder_or_a_snapshot_in_the_cache_or_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert local_folder(str(tmp_path)) == tmp_path
    for nowhere in ("some/model", str(tmp_path / "none"), "a/b/c"):
        assert local_folder(nowhere) is None
    repository = tmp_path / "cache" / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("12ab")
    snapshot = repository / "snapshots" / "12ab"
    snapshot.mkdir(parents=True)
    assert local_folder("some/model") is None  # a download that had only begun
    (snapshot / "config.json").write_text("{}")
    assert local_folder("some/model") == snapshot


def test_a_configuration_names_its_type_of_model(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 8}))
    with pytest.raises(DataError, match=r"field 'model_type': missing"):
        read_config(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_published_configurations_without_a_window_can_be_sampled(family):
    assert structure_problem({"model_type": family, "sliding_window": None}) is None
    assert structure_problem({"model_type": family, "rope_scaling": {"type": "linear", "factor": 2}}) is None


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"model_type": "gpt2"}, "not from gpt2"),
        ({"model_type": "mistral", "sliding_window": 4096}, "sliding attention"),
        ({"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 4096}, "sliding attention"),
        (
            {"model_type": "qwen3", "layer_types": ["full_attention", "sliding_attention"]},
            "sliding attention",
        ),
        ({"model_type": "llama", "rope_scaling": {"rope_type": "longrope"}}, "longrope position"),
        ({"model_type": "llama", "rope_scaling": {"type": "dynamic"}}, "dynamic position"),
    ],
)
def test_what_cannot_be_sampled_says_why(config, problem):
    assert problem in (structure_problem(config) or "")


def test_a_window_that_is_switched_off_is_none():
    assert (
        structure_problem({"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 4096})
        is None
    )


@pytest.mark.parametrize(
    ("family", "settings", "limit"),
    [
        ("qwen2", {"max_position_embeddings": 64}, 64),
        (
            "llama",
            {"max_position_embeddings": 64, "rope_parameters": {"rope_type": "linear", "factor": 4.0}},
            256,
        ),
        (
            "llama",
            {
                "max_position_embeddings": 131072,
                "rope_parameters": {
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 8192,
                },
            },
            131072,
        ),
        (
            "qwen2",
            {
                "max_position_embeddings": 32768,
                "rope_parameters": {
                    "rope_type": "yarn",
                    "factor": 4.0,
                    "original_max_position_embeddings": 32768,
                },
            },
            131072,
        ),
        ("gpt2", {"n_positions": 48}, 48),
        ("bloom", {}, None),  # positions are biases, as many as are wanted
    ],
)
def test_the_longest_context_a_model_is_made_for(family, settings, limit):
    assert context_limit(AutoConfig.for_model(family, **settings).to_dict()) == limit
    assert context_limit({"model_type": family, **settings}) == limit  # as older files have it
