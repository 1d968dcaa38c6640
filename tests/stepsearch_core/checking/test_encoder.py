import json

import pytest

from tests.bert import save_bert, save_modules

POOLING = ("Pooling", {"embedding_dimension": 16, "pooling_mode": "mean"})
OWN = {"query": "query: ", "passage": "passage: "}


def test_encoders_that_are_not_here_or_not_whole(look, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    seen = look("retrieval.encoder=intfloat/e5-base-v2")
    assert seen.status == 0
    assert "the sentence encoder intfloat/e5-base-v2 will be downloaded" in seen.findings[0]
    seen = look("retrieval.encoder=./encoder")
    assert seen.status == 1
    assert "retrieval.encoder: './encoder' is no folder" in seen.findings[0]
    (tmp_path / "encoder").mkdir()
    seen = look("retrieval.encoder=./encoder")
    assert "error: encoder/config.json: retrieval.encoder: no such file" in seen.findings[0]
    (tmp_path / "encoder" / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
    seen = look("retrieval.encoder=./encoder")
    assert seen.status == 1
    assert "retrieval.encoder: no weights" in seen.findings[0]


def lines(seen):
    """What is said of the encoder, but that DVC does not watch its folder."""
    return [line for line in seen.findings if "retrieval." in line and "is no dependency" not in line]


def test_a_model_that_no_file_says_how_to_pool_and_that_has_no_prompts(look, tmp_path):
    save_bert(tmp_path / "plain")
    pooling, prompts = lines(look("retrieval.encoder=./plain"))
    assert pooling.startswith("note: override retrieval.encoder=./plain: ")
    assert "./plain has no modules.json, which would say how it pools: its mean is taken" in pooling
    assert (
        "retrieval.query_prompt: the files of ./plain name no prompts: texts are encoded as they" in prompts
    )
    (pooling,) = lines(look("retrieval.encoder=./plain", "retrieval.query_prompt="))
    assert "modules.json" in pooling


def test_a_causal_model_is_pooled_by_its_last_token(look, model):
    pooling, _ = lines(look(f"retrieval.encoder={model}"))
    assert "how it pools: the state of its last token is taken" in pooling


@pytest.mark.slow
def test_prompts_that_are_others_than_the_models(look, tmp_path):
    save_modules(tmp_path / "own", POOLING, prompts=OWN)
    assert lines(look("retrieval.encoder=./own")) == []
    assert lines(look("retrieval.encoder=./own", "retrieval.query_prompt=query: ")) == []
    (line,) = lines(look("retrieval.encoder=./own", "retrieval.passage_prompt=text: "))
    assert line.startswith("warning: override retrieval.passage_prompt=")
    assert "retrieval.passage_prompt: 'text: ' takes the place of the model's own, 'passage: '" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "modules.json",
            "{}",
            "own/modules.json: retrieval.encoder: expected a list of modules, each with a type",
        ),
        ("1_Pooling/config.json", "[]", "own/1_Pooling/config.json: retrieval.encoder: expected an object"),
        ("config.json", "{}", "own/config.json: retrieval.encoder: missing"),
        ("model.safetensors", "", "own/model.safetensors: retrieval.encoder: no safetensors file"),
    ],
)
def test_files_of_a_sentence_encoder_that_are_damaged(look, tmp_path, file, text, said):
    save_modules(tmp_path / "own", POOLING, prompts=OWN)
    (tmp_path / "own" / file).write_text(text)
    (line,) = lines(look("retrieval.encoder=./own"))
    assert line.startswith(f"error: {said}")


def test_an_older_layout_has_the_weights_in_a_folder_of_their_own(look, tmp_path):
    save_modules(tmp_path / "own", POOLING, prompts=OWN)
    inner = tmp_path / "own" / "0_Transformer"
    inner.mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "own" / name).rename(inner / name)
    modules = json.loads((tmp_path / "own" / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (tmp_path / "own" / "modules.json").write_text(json.dumps(modules))
    assert lines(look("retrieval.encoder=./own")) == []
    (inner / "model.safetensors").unlink()
    (line,) = lines(look("retrieval.encoder=./own"))
    assert "own/0_Transformer: retrieval.encoder: no weights" in line
