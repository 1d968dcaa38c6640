import json
import os

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.encoding import end_ids
from stepsearch_core.learning.actor import token_states
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.params import ModelParams
from stepsearch_core.policy.models import (
    build_model,
    check_context,
    empty_model,
    load_policy,
    load_tokenizer,
    parameter_count,
    save_policy,
    training_problem,
)
from tests import published, tiny

WORD = tiny.tokenizer()


def same_weights(one, other):
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][k], states[1][k]) for k in states[0]
    )


def test_shape_is_that_of_the_parameters():
    config = tiny.model(WORD).config
    assert config.model_type == "qwen3"
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (len(WORD), 32, 2)
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (4, 2, 8)
    assert (config.eos_token_id, config.pad_token_id) == (WORD.eos_token_id, WORD.pad_token_id)


def test_parameters_are_counted_once():
    layer = 32 * (32 + 16 + 16) + 32 * 32 + 2 * 8 + 3 * 32 * 48 + 2 * 32  # q k v, o, their norms, mlp, norms
    assert parameter_count(tiny.model(WORD)) == len(WORD) * 32 + 2 * layer + 32  # tied: no head of its own


def test_a_seed_gives_the_same_weights():
    assert same_weights(tiny.model(WORD, seed=1), tiny.model(WORD, seed=1))
    assert not same_weights(tiny.model(WORD, seed=1), tiny.model(WORD, seed=2))


def test_a_saved_policy_comes_back_bit_for_bit(tmp_path):
    model = tiny.model(WORD)
    save_policy(model, WORD, tmp_path / "policy")
    assert (tmp_path / "policy" / "model.safetensors").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]  # nothing temporary is left
    loaded, tokenizer = load_policy(tmp_path / "policy")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "policy")
    ids = torch.tensor([tokenizer.encode("ada was born in oslo", add_special_tokens=False)])
    with torch.no_grad():
        expected = model(ids).logits
        for other in (loaded, plain):
            assert same_weights(model, other)
            assert torch.equal(other.eval()(ids).logits, expected)


def test_saving_again_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "policy"
    save_policy(tiny.model(WORD, seed=1), WORD, folder)
    (folder / "stray").write_text("from before")
    save_policy(tiny.model(WORD, seed=2), WORD, folder)
    assert not (folder / "stray").exists()
    assert same_weights(load_policy(folder)[0], tiny.model(WORD, seed=2))


def test_half_precision(tmp_path):
    model = build_model(ModelParams(**{**vars(tiny.MODEL), "dtype": "bfloat16"}), WORD)
    assert model.dtype is torch.bfloat16
    save_policy(model, WORD, tmp_path / "policy")
    assert same_weights(load_policy(tmp_path / "policy")[0], model)  # stages hand a policy on as it is
    assert load_policy(tmp_path / "policy", "float32")[0].dtype is torch.float32


def test_a_missing_model_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(DataError, match=f"{source.name}.*no model can be loaded"):
            load_policy(source)


def test_a_folder_with_a_tokenizer_alone_is_named(tmp_path):
    WORD.save_pretrained(tmp_path / "policy")
    with pytest.raises(DataError, match=r"policy.*no model can be loaded"):
        load_policy(tmp_path / "policy")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_file_is_named(tmp_path, name):
    save_policy(tiny.model(WORD), WORD, tmp_path / "policy")
    content = (tmp_path / "policy" / name).read_bytes()
    (tmp_path / "policy" / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"policy.*no model can be loaded"):
        load_policy(tmp_path / "policy")


def test_the_end_of_text_is_in_the_generation_config(tmp_path):
    save_policy(tiny.model(WORD), WORD, tmp_path / "policy")
    saved = json.loads((tmp_path / "policy" / "generation_config.json").read_text())
    assert saved["eos_token_id"] == WORD.eos_token_id  # vLLM stops there


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"intermediate_size": 64},
            r"layers\.0\.mlp\.down_proj\.weight has the shape \[32, 48\], .* \[32, 64\]",
        ),
        (
            {"vocab_size": 300},
            r"embed_tokens\.weight has the shape \[\d+, 32\], the configuration \[300, 32\]",
        ),
        ({"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3}, r"no tensor model\.layers\.2\."),
        ({"num_hidden_layers": 3}, r"`num_hidden_layers` \(3\) must be equal"),
    ],
)
def test_weights_of_another_architecture_are_named_with_both_shapes(tmp_path, change, problem):
    save_policy(tiny.model(WORD), WORD, tmp_path / "policy")
    config = json.loads((tmp_path / "policy" / "config.json").read_text())
    (tmp_path / "policy" / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(DataError, match=f"policy: no model can be loaded: .*{problem}") as caught:
        load_policy(tmp_path / "policy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("load", [load_policy, load_tokenizer])
def test_a_folder_with_a_gguf_file_alone_is_named(tmp_path, load):
    WORD.save_pretrained(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    for source in (tmp_path, tmp_path / "model.gguf"):
        with pytest.raises(DataError, match=rf"^{tmp_path}: model\.gguf is a GGUF file"):
            load(source)
    save_policy(tiny.model(WORD), WORD, tmp_path / "both")
    (tmp_path / "both" / "model.gguf").write_bytes(b"GGUF")
    load(tmp_path / "both")


@pytest.mark.parametrize("load", [load_policy, load_tokenizer])
def test_a_model_with_fewer_rows_than_tokens_is_refused(tmp_path, load):
    model = tiny.model(WORD)
    model.resize_token_embeddings(len(WORD) - 1)
    save_policy(model, WORD, tmp_path)
    problem = f"{tmp_path}: the tokenizer has ids up to {len(WORD) - 1}, the model embeds {len(WORD) - 1}"
    with pytest.raises(DataError, match=problem):
        load(tmp_path)


SMALL = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1} | {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("llama", {}),
        ("mistral", {}),
        ("olmo2", {}),
        ("opt", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
        ("granite", {"logits_scaling": 1.0}),
        ("granite", {"logits_scaling": 8.0}),
        ("gemma2", {"final_logit_softcapping": 0.01}),
        ("cohere", {"logit_scale": 0.25}),
    ],
)
def test_what_can_be_trained_has_the_logits_that_training_makes(kind, values):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(SMALL | values), pad_token_id=0, bos_token_id=1, eos_token_id=2)
    model = AutoModelForCausalLM.from_config(config).eval()
    batch = token_batch(tiny.random_trajectories(range(50), 2), 0)
    with torch.no_grad():
        ids = torch.from_numpy(batch.input_ids)
        whole = model(ids, use_cache=False).logits[batch.predictors]
        equal = torch.allclose(model.lm_head(token_states(model, batch)), whole, atol=1e-5)
    assert equal == (training_problem(model) is None)


def test_models_without_memory():
    made = empty_model({"model_type": "olmo2", **SMALL})
    assert {parameter.device.type for parameter in made.parameters()} == {"meta"}
    for config in (
        {"model_type": "nobodys"},
        {"model_type": "gemma2", "num_hidden_layers": 2, "layer_types": [1]},
    ):
        with pytest.raises(DataError, match=r"model\.source.*no model can be made of its config\.json"):
            empty_model(config)


def test_a_tokenizer_can_be_loaded_alone(tmp_path):
    WORD.save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).get_vocab() == WORD.get_vocab()
    with pytest.raises(DataError, match="no tokenizer can be loaded"):
        load_tokenizer(tmp_path / "nothing")


def llama_3(folder):
    """A policy whose generation config lists its ends, as Llama 3's does, and that has more rows than
    tokens.
    """
    tokenizer = published.llama_3()
    model = build_model(tiny.MODEL, tokenizer)
    model.resize_token_embeddings(448)
    model.generation_config.eos_token_id = [401, 404]
    save_policy(model, tokenizer, folder)
    return folder


def test_what_a_published_policy_lacks_is_settled_where_it_is_loaded(tmp_path):
    model, tokenizer = load_policy(llama_3(tmp_path / "policy"))
    assert end_ids(tokenizer) == end_ids(load_tokenizer(tmp_path / "policy")) == {401, 404}
    batch = token_batch(tiny.random_trajectories(tokenizer, 3), tokenizer.pad_token_id)
    assert batch.input_ids.max() < model.config.vocab_size


def test_every_end_is_handed_on_with_the_policy(tmp_path):
    """The end of a turn of the chat template ends texts wherever the saved policy is used."""
    llama_3(tmp_path / "policy")
    (tmp_path / "policy" / "generation_config.json").write_text('{"eos_token_id": 401}')
    model, tokenizer = load_policy(tmp_path / "policy")
    save_policy(model, tokenizer, tmp_path / "again")
    assert GenerationConfig.from_pretrained(tmp_path / "again").eos_token_id == [401, 404]
    (tmp_path / "policy" / "generation_config.json").unlink()
    assert end_ids(load_tokenizer(tmp_path / "policy")) == {401, 404}


def test_longer_trajectories_than_contexts_are_refused():
    config = AutoConfig.for_model("qwen2", max_position_embeddings=64)
    check_context(config, 64)
    with pytest.raises(
        DataError, match=r"field 'environment\.max_trajectory_tokens': 65 tokens, .* at most 64"
    ):
        check_context(config, 65)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_whoever_may_read_the_tokenizer_may_read_the_weights(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_policy(tiny.model(WORD), WORD, tmp_path / "policy")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "policy").iterdir()}
    assert "model.safetensors" in modes
    assert set(modes.values()) == {mode}
