import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.sentence_encoder import ENCODER_BATCH, SentenceEncoder, sentence_dimensions
from stepsearch_core.retrieval.sentence_files import read_sentence_files
from tests.bert import WORDS, save_bert, save_modules

TEXTS = ["word1", "word2 word3 word4 word5", "word6 word7"]
CLS = ("Pooling", {"word_embedding_dimension": 16, "pooling_mode_cls_token": True})
MEAN = ("Pooling", {"embedding_dimension": 16, "pooling_mode": "mean"})
BOTH = ("Pooling", {"embedding_dimension": 16, "pooling_mode": ["cls", "mean"]})
E5 = {"query": "query: ", "passage": "passage: "}


@pytest.fixture
def save(tmp_path):
    """`save(name, *modules, prompts=...)`: the random BERT as a folder of sentence-transformers."""
    return lambda name, *modules, prompts=None: save_modules(tmp_path / name, *modules, prompts=prompts)


def open_encoder(folder, **settings):
    return SentenceEncoder(RetrievalParams(encoder=str(folder), **settings))


def states(folder, text):
    """The last hidden states of a text's words, [words, 16]: by transformers alone."""
    known = {"[UNK]": 1, ":": 2, "query": 3, "passage": 4} | {
        word: number + 5 for number, word in enumerate(WORDS)
    }
    ids = [known[word] for word in text.replace(":", " : ").split()]
    with torch.inference_mode():
        return AutoModel.from_pretrained(folder).eval()(torch.tensor([ids])).last_hidden_state[0]


def unit(rows):
    return torch.stack([row / row.norm() for row in rows]).numpy()


@pytest.mark.slow
def test_a_plain_model_gives_unit_means_over_real_tokens_only(tmp_path):
    folder = save_bert(tmp_path / "plain")
    encoder = open_encoder(folder)
    wanted = unit([states(folder, text).mean(0) for text in TEXTS])
    assert encoder.dimensions == 16
    for vectors in (encoder.encode_passages(TEXTS), encoder.encode_queries(TEXTS)):
        assert vectors.dtype == np.float32
        assert np.allclose(vectors, wanted, atol=1e-5)


def test_the_models_own_files_say_how_it_pools(save):
    for modules in ([CLS], [CLS, ("Normalize", {})]):
        folder = save(f"cls{len(modules)}", *modules)
        wanted = unit([states(folder, text)[0] for text in TEXTS])
        assert np.allclose(open_encoder(folder).encode_passages(TEXTS), wanted, atol=1e-5)
    folder = save("both", BOTH)
    hidden = [states(folder, text) for text in TEXTS]
    wanted = unit([torch.cat([state[0], state.mean(0)]) for state in hidden])
    assert np.allclose(open_encoder(folder).encode_passages(TEXTS), wanted, atol=1e-5)


def dense(save):
    """A model with a layer to four dimensions behind its pooling; its folder and its weights."""
    config = {"in_features": 16, "out_features": 4, "bias": True}
    folder = save(
        "dense", MEAN, ("Dense", config | {"activation_function": "torch.nn.modules.activation.Tanh"})
    )
    generator = torch.Generator().manual_seed(1)
    weights = {
        "weight": torch.randn(4, 16, generator=generator),
        "bias": torch.randn(4, generator=generator),
    }
    save_file(
        {f"linear.{name}": tensor for name, tensor in weights.items()},
        Path(folder) / "2_Dense" / "model.safetensors",
    )
    return folder, weights


def test_layers_behind_the_pooling_are_the_models(save):
    folder, weights = dense(save)
    encoder = open_encoder(folder)
    made = [torch.tanh(weights["weight"] @ states(folder, t).mean(0) + weights["bias"]) for t in TEXTS]
    assert encoder.dimensions == 4
    assert np.allclose(encoder.encode_passages(TEXTS), unit(made), atol=1e-5)


def test_dimensions_are_those_of_the_loaded_model(save, tmp_path):
    folders = [save_bert(tmp_path / "plain"), save("cls", CLS), save("both", BOTH), dense(save)[0]]
    sizes = [open_encoder(folder).dimensions for folder in folders]
    assert sizes == [16, 16, 32, 4]
    assert [sentence_dimensions(folder) for folder in folders] == sizes
    assert [read_sentence_files(Path(folder)).dimensions for folder in folders] == sizes


def test_prompts_are_the_models_own(save):
    """The library's own choice for passages is the prompt `document` even of a model that has none."""
    folder = save("e5", MEAN, prompts=E5)
    encoder = open_encoder(folder)
    asked = unit([states(folder, f"query: {text}").mean(0) for text in TEXTS])
    kept = unit([states(folder, f"passage: {text}").mean(0) for text in TEXTS])
    assert np.allclose(encoder.encode_queries(TEXTS), asked, atol=1e-5)
    assert np.allclose(encoder.encode_passages(TEXTS), kept, atol=1e-5)
    assert not np.allclose(asked, kept, atol=1e-3)


def test_prompts_of_the_parameters_take_the_place_of_the_models(save, tmp_path):
    own, plain = save("e5", MEAN, prompts=E5), save_bert(tmp_path / "e5-plain")
    without = open_encoder(plain).encode_queries(TEXTS)  # whatever its name
    assert np.allclose(without, unit([states(plain, text).mean(0) for text in TEXTS]), atol=1e-5)
    given = open_encoder(plain, query_prompt="query: ", passage_prompt="passage: ")
    assert np.allclose(given.encode_queries(TEXTS), open_encoder(own).encode_queries(TEXTS), atol=1e-6)
    assert np.allclose(given.encode_passages(TEXTS), open_encoder(own).encode_passages(TEXTS), atol=1e-6)
    none = open_encoder(own, query_prompt="", passage_prompt="")
    assert np.allclose(none.encode_queries(TEXTS), without, atol=1e-6)
    assert np.allclose(none.encode_passages(TEXTS), without, atol=1e-6)


def test_a_prompt_can_be_kept_out_of_the_pooling(save):
    folder = save("instructed", (MEAN[0], MEAN[1] | {"include_prompt": False}), prompts=E5)
    wanted = unit([states(folder, f"query: {text}")[2:].mean(0) for text in TEXTS])
    assert np.allclose(open_encoder(folder).encode_queries(TEXTS), wanted, atol=1e-5)


def test_texts_of_like_length_share_a_batch_and_vectors_come_in_the_order_of_the_texts(tmp_path):
    generator = np.random.default_rng(5)
    texts = [" ".join(generator.choice(WORDS, size=generator.integers(3, 30))) for _ in range(200)]
    encoder = open_encoder(save_bert(tmp_path / "plain"))
    masks = []
    encoder._model[0].register_forward_pre_hook(lambda _, given: masks.append(given[0]["attention_mask"]))
    vectors = encoder.encode_passages(texts)
    assert [len(mask) for mask in masks] == [ENCODER_BATCH] * 3 + [200 - 3 * ENCODER_BATCH]
    padded = sum(int((mask == 0).sum()) for mask in masks)
    assert padded < 0.3 * sum(int(mask.sum()) for mask in masks)
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    assert np.abs(vectors - alone).max() < 1e-5


def test_long_texts_are_cut_to_what_the_model_takes(save, tmp_path):
    for folder, limit in ((save_bert(tmp_path / "plain"), 16), (save("cls", CLS), 8)):
        long, cut, shorter = open_encoder(folder).encode_passages(
            [" ".join(WORDS[1:size]) for size in (41, limit + 1, limit)]
        )
        assert np.allclose(long, cut, atol=1e-5)
        assert folder.endswith("cls") or not np.allclose(long, shorter, atol=1e-4)


def test_a_query_in_nfd_is_the_same_query(tmp_path):
    encoder = open_encoder(save_bert(tmp_path / "plain"))
    for encode in (encoder.encode_queries, encoder.encode_passages):
        assert np.array_equal(encode(["caf\u00e9 word1"]), encode(["cafe\u0301 word1"]))


def test_special_tokens_that_a_text_spells_are_text(tmp_path):
    encoder = open_encoder(save_bert(tmp_path / "plain"))
    spelled, split = encoder.encode_passages(["word1 [PAD] word2", "word1 [ PAD ] word2"])
    assert np.allclose(spelled, split, atol=1e-6)
    assert not np.allclose(spelled, encoder.encode_passages(["word1 word2"])[0], atol=1e-3)


def test_special_tokens_that_a_prompt_spells_are_special(save):
    folder = save("special", MEAN, prompts={"query": "[UNK] "})
    asked = open_encoder(folder).encode_queries(["word1"])
    spelled = open_encoder(folder, query_prompt="never_seen ").encode_queries(["word1"])  # one unknown token
    assert np.allclose(asked, spelled, atol=1e-6)


def test_special_tokens_of_a_chat_template_are_special(tmp_path):
    """The library puts a text into the template of a folder that no file says how to pool."""
    template = "{% for message in messages %}[UNK] {{ message.content }}{% endfor %}"
    folder = save_bert(tmp_path / "chat", chat_template=template)
    wanted = unit([states(folder, f"[UNK] {text}").mean(0) for text in TEXTS])
    assert np.allclose(open_encoder(folder).encode_passages(TEXTS), wanted, atol=1e-5)


def test_a_model_of_images_too_is_refused(save):
    """It would take a text that is an address of an image for one, and fetch it."""
    folder = save("seeing", MEAN)
    how = {"method": "forward", "method_output_name": "last_hidden_state"}
    config = {"modality_config": {"text": how, "image": how}, "module_output_name": "token_embeddings"}
    (Path(folder) / "sentence_bert_config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match=r"no encoder '.*' can be loaded: it encodes image besides text"):
        open_encoder(folder)


def test_a_model_without_padding_pads_with_its_end_of_text(tmp_path):
    plain = open_encoder(save_bert(tmp_path / "plain"))
    without = open_encoder(save_bert(tmp_path / "bare", pad_token=None, eos_token=":"))
    assert np.allclose(without.encode_passages(TEXTS), plain.encode_passages(TEXTS), atol=1e-6)


def test_nothing_to_encode_gives_zeros_and_no_texts_no_rows(tmp_path):
    encoder = open_encoder(save_bert(tmp_path / "plain"))
    word, nothing = encoder.encode_queries(["word1", ""])
    assert np.linalg.norm(word) == pytest.approx(1)
    assert not nothing.any()
    assert encoder.encode_queries([]).shape == (0, 16)


def test_a_table_of_vectors_is_a_sentence_encoder_too(tmp_path):
    """`[PAD]` in a text is three unknown words, not the token, though its vector is the larger one."""
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "word0": 2, "word1": 3}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens(["[PAD]"])
    words.save(str(tmp_path / "tokenizer.json"))
    table = torch.tensor([[90.0, 0, 0], [0, 0, 0], [3, 0, 4], [0, 1, 0]])
    save_file({"embedding.weight": table}, tmp_path / "model.safetensors")
    kind = "sentence_transformers.models.StaticEmbedding"
    (tmp_path / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": kind}]))
    encoder = open_encoder(tmp_path)
    wanted = np.array([[0.6, 0, 0.8], [0, 1, 0], [0, 1, 0]])
    assert np.allclose(encoder.encode_passages(["word0", "word1", "word1 [PAD]"]), wanted, atol=1e-6)
    assert sentence_dimensions(str(tmp_path)) == encoder.dimensions == 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_and_vectors_are_unit_float32(tmp_path, dtype):
    folder = save_bert(tmp_path / "plain")
    half, whole = open_encoder(folder, encoder_dtype=dtype), open_encoder(folder)
    assert {p.dtype for p in half._model.parameters()} == {getattr(torch, dtype)}
    assert {p.dtype for p in whole._model.parameters()} == {torch.float32}
    rows, wanted = half.encode_passages(TEXTS), whole.encode_passages(TEXTS)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert not np.array_equal(rows, wanted)
    assert (rows * wanted).sum(axis=1).min() > 0.999


def test_a_published_dtype_does_not_decide(tmp_path):
    folder = save_bert(tmp_path / "half")
    config = tmp_path / "half" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float16"}))
    assert {p.dtype for p in open_encoder(folder)._model.parameters()} == {torch.float32}


def test_numbers_that_a_dtype_does_not_hold_are_an_error(tmp_path):
    folder = save_bert(tmp_path / "large")
    weights = load_file(tmp_path / "large" / "model.safetensors")
    name = "encoder.layer.1.output.LayerNorm.weight"
    save_file(
        weights | {name: weights[name] * 1e6}, tmp_path / "large" / "model.safetensors", {"format": "pt"}
    )
    open_encoder(folder).encode_passages(TEXTS)
    open_encoder(folder, encoder_dtype="bfloat16").encode_passages(TEXTS)
    with pytest.raises(
        DataError, match=r"field 'retrieval\.encoder_dtype': what .* in float16 is no number"
    ):
        open_encoder(folder, encoder_dtype="float16").encode_passages(TEXTS)


def damage_modules(folder):
    (folder / "modules.json").write_text('[{"idx": 0}]')


def damage_pooling(folder):
    (folder / "1_Pooling" / "config.json").write_text(
        '{"embedding_dimension": 16, "pooling_mode": "median"}'
    )


def damage_weights(folder):
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")


def need_code(folder):
    listed = json.loads((folder / "modules.json").read_text())
    listed[1]["type"] = "custom.Pooling"
    (folder / "modules.json").write_text(json.dumps(listed))


@pytest.mark.parametrize("damage", [damage_modules, damage_pooling, damage_weights, need_code])
def test_a_model_that_cannot_be_loaded_is_one_line_that_names_the_parameter(save, damage):
    folder = save("damaged", MEAN)
    damage(Path(folder))
    with pytest.raises(
        DataError, match=r"field 'retrieval\.encoder': no encoder '.*' can be loaded: \S"
    ) as why:
        open_encoder(folder)
    assert len(str(why.value).splitlines()) == 1


@pytest.mark.parametrize("before", [None, "false"])
def test_a_tokenizer_works_on_all_cores_while_passages_are_encoded_and_only_then(
    tmp_path, monkeypatch, before
):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    if before:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
    encoder, seen = open_encoder(save_bert(tmp_path / "plain")), []
    encoder._model[0].register_forward_pre_hook(
        lambda *_: seen.append(os.environ.get("TOKENIZERS_PARALLELISM"))
    )
    encoder.encode_passages(["word1"])
    encoder.encode_queries(["word1"])
    assert seen == ["true", before]
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before


@pytest.fixture(scope="module")
def minilm():
    """The folder of all-MiniLM-L6-v2."""
    folder = os.environ.get("STEPSEARCH_MINILM")
    if not folder:
        pytest.skip("STEPSEARCH_MINILM names no folder of all-MiniLM-L6-v2")
    return folder


@pytest.mark.slow
def test_a_published_encoder_finds_meaning_without_common_words(minilm):
    encoder = open_encoder(minilm)
    asked = encoder.encode_queries(["Which physician attended the monarch?"])
    passages = ["The king's doctor was Ada Lee.", "The attended car park closed.", "Bread is baked in Oslo."]
    scores = (encoder.encode_passages(passages) @ asked.T)[:, 0]
    assert scores.argmax() == 0
    assert encoder.dimensions == sentence_dimensions(minilm) == 384
    assert encoder._model.max_seq_length == 256
    half = open_encoder(minilm, encoder_dtype="bfloat16").encode_passages(passages)
    assert (half * encoder.encode_passages(passages)).sum(axis=1).min() > 0.999
