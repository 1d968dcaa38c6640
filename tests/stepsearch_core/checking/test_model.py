import json

import pytest

from tests.stepsearch_core.checking.conftest import FITS


def test_a_good_model_has_no_errors_and_no_warnings(look, model):
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 0
    (line,) = seen.findings  # DVC does not watch what a parameter names by a path
    assert line.startswith("note: ")
    assert "model.source: " in line
    assert "no dependency of a stage" in line
    assert "`dvc repro warmstart --force`" in line


def test_contexts_shorter_than_trajectories_end_the_check_wherever_the_shape_is_written(look, model, edit):
    edit(model / "config.json", max_position_embeddings=64)
    seen = look(f"model.source={model}", *FITS, "environment.max_trajectory_tokens=1500")
    assert seen.status == 1
    assert (
        seen.findings[0]
        == "error: override environment.max_trajectory_tokens=1500: environment.max_trajectory_tokens: 1500"
        f" tokens, but the model's context has 64 ({model}) -> at most 64, or a model with a longer"
        " context"
    )
    # a shape of our own: a rule
    seen = look("environment.max_trajectory_tokens=1500", "model.max_positions=64")
    assert seen.status == 1
    assert "environment.max_trajectory_tokens: 1500 is not at most model.max_positions" in seen.findings[0]


def test_a_folder_that_is_not_there(look):
    seen = look("model.source=/no/such/folder", "tokenizer.kind=pretrained")
    assert seen.status == 1
    assert "model.source: '/no/such/folder' is no folder" in seen.findings[0]


def test_a_model_of_the_hub_is_a_download_and_without_a_network_an_error(look, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    seen = look("model.source=Qwen/Qwen2.5-0.5B", "tokenizer.kind=pretrained", "hardware.memory_gb=99")
    (note,) = [line for line in seen.findings if "model.source" in line]
    assert note.startswith(
        "note: override model.source=Qwen/Qwen2.5-0.5B: model.source: the model Qwen/Qwen2.5-0.5B "
    )
    assert "will be downloaded (1.0 GB in bfloat16); it cannot be looked at until it is here" in note
    seen = look("model.source=nobody/nothing", "tokenizer.kind=pretrained")
    assert seen.status == 0
    assert "nobody/nothing will be downloaded (of unknown size)" in seen.findings[0]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    seen = look("model.source=nobody/nothing", "tokenizer.kind=pretrained")
    assert seen.status == 1
    assert "HF_HUB_OFFLINE forbids" in seen.findings[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json: no such file"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json, line 1: not JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (
            lambda folder: (folder / "tokenizer.json").write_text("{"),
            "tokenizer.json: no tokenizer can be loaded",
        ),
    ],
)
def test_a_folder_that_is_not_whole(look, model, damage, problem):
    damage(model)
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert any(problem in line for line in seen.findings if line.startswith("error")), seen.findings


@pytest.mark.parametrize("lost", ["*", "model.safetensors"])
def test_a_folder_with_a_gguf_file_alone(look, model, lost):
    for path in model.glob(lost):
        path.unlink()
    (model / "policy.Q4_1.gguf").write_bytes(b"GGUF")
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    (error,) = [line for line in seen.findings if line.startswith("error: ")]
    assert f"{model}: policy.Q4_1.gguf is a GGUF file" in error
    assert "model.safetensors" in error


def test_a_gguf_file_is_no_model(look, model):
    (model / "policy.Q4_1.gguf").write_bytes(b"GGUF")
    (model / "model.safetensors").unlink()
    seen = look(f"model.source={model / 'policy.Q4_1.gguf'}", *FITS)
    assert seen.status == 1
    assert any("policy.Q4_1.gguf is a GGUF file" in line for line in seen.findings)


def test_weights_of_another_shape_than_the_configuration(look, model, edit):
    rows = json.loads((model / "config.json").read_text())["vocab_size"]
    edit(model / "config.json", vocab_size=rows + 8)
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert (
        f"vocab_size: the weights have embeddings of [{rows}, 32], the configuration says [{rows + 8}, 32]"
        in (seen.findings[0])
    )


def test_a_tokenizer_with_more_tokens_than_the_model(look, model):
    state = json.loads((model / "tokenizer.json").read_text())
    last = max(token["id"] for token in state["added_tokens"])
    more = {**state["added_tokens"][-1], "id": last + 1, "content": "<more>"}
    state["added_tokens"].append(more)
    (model / "tokenizer.json").write_text(json.dumps(state))
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert f"the tokenizer has ids up to {last + 1}, the model embeds {last + 1}" in seen.findings[0]
    assert "enlarge the model's embeddings" in seen.findings[0]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"model_type": "gpt_neox"}, "not from gpt_neox"),
        ({"model_type": "mistral", "sliding_window": 64}, "sliding attention"),
    ],
)
def test_a_kind_of_model_that_the_engine_does_not_sample(look, model, edit, values, problem):
    edit(model / "config.json", **values)
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert problem in seen.findings[0]
    assert "rollout.engine: vllm" in seen.findings[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"model_type": "gpt2"}, "training takes models of layers `model` and `lm_head`, gpt2 has others"),
        (
            {"model_type": "granite", "logits_scaling": 8.0},
            "granite changes its logits by logits_scaling (8)",
        ),
        ({"model_type": "cohere", "logit_scale": 0.25}, "cohere changes its logits by logit_scale (0.25)"),
    ],
)
def test_a_kind_of_model_that_cannot_be_trained(look, model, edit, values, problem):
    edit(model / "config.json", **values)
    overrides = f"model.source={model}", *FITS, "rollout.engine=vllm"
    errors = [line for line in look(*overrides).findings if line.startswith("error: ")]
    assert any("model.source: " in line and problem in line for line in errors), errors
    assert not any(problem in line for line in look(*overrides, "--from", "evaluate").findings)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 4])
def test_adapters_for_a_model_without_layers_that_take_them(look, model, edit, rank):
    edit(model / "config.json", model_type="olmo2", num_hidden_layers=0, layer_types=[])
    seen = look(f"model.source={model}", *FITS, "rollout.engine=vllm", f"train.lora_rank={rank}")
    errors = [line for line in seen.findings if "train.lora_rank: 4, but no layer of Olmo2" in line]
    assert len(errors) == bool(rank), seen.findings


def test_quantised_weights_cannot_be_trained(look, model, edit):
    edit(model / "config.json", quantization_config={"quant_method": "gptq"})
    seen = look(f"model.source={model}", *FITS)
    assert seen.status == 1
    assert "the weights are quantised (gptq) and cannot be trained" in seen.findings[0]


def test_adapters_as_large_as_the_weights(look):
    seen = look("train.lora_rank=64")
    assert seen.status == 0
    assert seen.findings[0].startswith(
        "warning: override train.lora_rank=64: train.lora_rank: adapters of rank 64"
    )


def test_a_kind_of_tokenizer_that_is_not_read(look, model):
    seen = look(f"model.source={model}", *FITS, "tokenizer.kind=word")
    assert any("'word' is not read: model.source brings its tokenizer" in line for line in seen.findings)


@pytest.mark.slow
def test_once_the_warm_start_is_done_its_policy_counts_and_not_the_model_before_it(look, model, tmp_path):
    (tmp_path / "data" / "warmstart").mkdir(parents=True)
    model.rename(tmp_path / "data" / "warmstart" / "policy")
    assert look("model.source=/no/such/folder", *FITS).status == 1
    seen = look("model.source=/no/such/folder", *FITS, "--from", "train")
    assert (seen.status, seen.findings) == (0, [])
    assert look(
        "model.source=/no/such/folder", *FITS, "environment.max_trajectory_tokens=257", "--from", "train"
    ).status
