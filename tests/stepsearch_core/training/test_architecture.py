import subprocess
import sys

import pytest
from transformers import AutoConfig, GPTNeoXConfig, LlamaConfig, Qwen2Config

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.actions import THINK
from stepsearch_core.learning.critics import InformedHead, ValueHead
from stepsearch_core.params import ModelParams, TokenizerParams, TrainParams
from stepsearch_core.policy.models import parameter_count
from stepsearch_core.policy.structure import FAMILIES
from stepsearch_core.training.architecture import _built, _counted, architecture
from stepsearch_core.training.knowledge import FEATURES
from tests import tiny
from tests.stepsearch_core.sampling.families import MORE, SHAPE


def test_parameters_are_those_of_the_model_that_is_built():
    word = tiny.tokenizer()
    model = tiny.model(word)
    shape = architecture(
        tiny.MODEL, TokenizerParams(vocab_size=len(word) - len(THINK.tags)), "minimal", TrainParams()
    )
    assert shape.vocab_size == len(word)
    assert shape.parameters == parameter_count(model)
    assert shape.trained == shape.actor == shape.parameters
    assert shape.value_head == parameter_count(ValueHead(32)) == 32 * 32 + 32 + 32 + 1
    assert (shape.key_value_size, shape.normalises_heads) == (16, True)


@pytest.mark.parametrize(
    ("size", "parameters"), [("0.5B", 494_032_768), ("3B", 3_085_938_688), ("7B", 7_615_616_512)]
)
def test_published_sizes_without_a_download(size, parameters):
    for name in (f"Qwen/Qwen2.5-{size}", f"Qwen/Qwen2.5-{size}-Instruct"):
        assert (
            architecture(ModelParams(source=name), TokenizerParams(), "paper", TrainParams()).parameters
            == parameters
        )


def test_smollm2_135m_has_as_many_parameters_as_are_published(tmp_path):
    """By hand, of its `config.json`: 30 layers, 9 heads of 64, 3 for keys and values, one embedding."""
    LlamaConfig(
        vocab_size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, head_dim=64,
        num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
    ).save_pretrained(tmp_path)  # fmt: skip
    shape = architecture(
        ModelParams(source=str(tmp_path)), TokenizerParams(), "paper", TrainParams(algorithm="grpo")
    )
    layer = 2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536 + 2 * 576
    assert shape.parameters == shape.actor == 49_152 * 576 + 30 * layer + 576 == 134_515_008
    assert shape.embeddings == 49_152 * 576
    assert (shape.key_value_size, shape.vocab_size) == (192, 49_152)


def test_a_folder_is_read(tmp_path):
    Qwen2Config(
        vocab_size=10, hidden_size=8, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True,
    ).save_pretrained(tmp_path)  # fmt: skip
    shape = architecture(ModelParams(source=str(tmp_path)), TokenizerParams(), "paper", TrainParams())
    attention = (8 * 8 + 8) + 2 * (8 * 4 + 4) + 8 * 8  # q, k and v with bias; o
    assert shape.parameters == 10 * 8 + attention + 3 * 8 * 6 + 3 * 8
    assert not shape.normalises_heads


def test_smollm_is_planned_without_a_network():
    model = ModelParams(source="HuggingFaceTB/SmolLM2-135M-Instruct")
    shape = architecture(model, TokenizerParams(), "paper", TrainParams())
    assert shape.parameters == 134_515_008


def test_an_unknown_model_is_one_error_that_names_it():
    with pytest.raises(
        DataError, match=r"^nobody/nothing: model\.source: no configuration can be read"
    ) as raised:
        architecture(ModelParams(source="nobody/nothing"), TokenizerParams(), "paper", TrainParams())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rank", [0, 3])
def test_what_is_counted_is_what_is_built(family, tied, rank):
    config = AutoConfig.for_model(
        family, **SHAPE, **MORE.get(family, {}), tie_word_embeddings=tied
    ).to_dict()
    train = TrainParams(lora_rank=rank, critic="model")
    assert _counted(config, train) == _built(config, train)


def test_an_informed_critic_is_a_larger_head():
    model, tokenizer = tiny.MODEL, TokenizerParams()
    shape = architecture(model, tokenizer, "minimal", TrainParams(critic="informed"))
    assert shape.value_head == parameter_count(InformedHead(32, len(FEATURES)))


def test_a_family_that_is_not_sampled_here_is_built(tmp_path):
    sizes: dict = {
        "vocab_size": 10,
        "hidden_size": 8,
        "intermediate_size": 6,
        "num_hidden_layers": 1,
    }
    GPTNeoXConfig(**sizes, num_attention_heads=2, tie_word_embeddings=False).save_pretrained(tmp_path)
    train = TrainParams(algorithm="grpo")
    shape = architecture(ModelParams(source=str(tmp_path)), TokenizerParams(), "paper", train)
    linear = (8 * 24 + 24) + (8 * 8 + 8) + (8 * 6 + 6) + (6 * 8 + 8)
    assert shape.parameters == 2 * 10 * 8 + linear + 3 * 2 * 8
    assert shape.embeddings == 2 * 10 * 8


@pytest.mark.slow
def test_planning_a_profile_needs_no_torch():
    code = (
        "import sys; from stepsearch_core.params import *; from stepsearch_core.training.architecture import"
        " *;architecture(ModelParams(), TokenizerParams(), 'paper',"
        " TrainParams());architecture(ModelParams(source='Qwen/Qwen2.5-7B'), TokenizerParams(), 'paper',"
        " TrainParams());sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
