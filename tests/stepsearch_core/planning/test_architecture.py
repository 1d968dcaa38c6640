import pytest
from transformers import Qwen2Config

from stepsearch_core.environment.actions import THINK
from stepsearch_core.io import DataError
from stepsearch_core.params import ModelParams, TokenizerParams, TrainParams
from stepsearch_core.planning.architecture import architecture
from stepsearch_core.policy.models import parameter_count
from stepsearch_core.training.actor_critic import ActorCritic
from tests import tiny


def test_parameters_are_those_of_the_model_that_is_built():
    word = tiny.tokenizer()
    model = tiny.model(word)
    shape = architecture(tiny.MODEL, TokenizerParams(vocab_size=len(word) - len(THINK.tags)), "minimal", TrainParams())
    assert shape.vocab_size == len(word)
    assert shape.parameters == parameter_count(model)
    assert (
        shape.trained == shape.actor == parameter_count(ActorCritic(model)) == shape.parameters + 32 * 32 + 32 + 32 + 1
    )
    assert (shape.key_value_size, shape.normalises_heads) == (16, True)


@pytest.mark.parametrize(("size", "parameters"), [("0.5B", 494_032_768), ("3B", 3_085_938_688), ("7B", 7_615_616_512)])
def test_published_sizes_without_a_download(size, parameters):
    for name in (f"Qwen/Qwen2.5-{size}", f"Qwen/Qwen2.5-{size}-Instruct"):
        assert (
            architecture(ModelParams(source=name), TokenizerParams(), "paper", TrainParams()).parameters == parameters
        )


def test_a_folder_is_read(tmp_path):
    Qwen2Config(
        vocab_size=10, hidden_size=8, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True,
    ).save_pretrained(tmp_path)  # fmt: skip
    shape = architecture(ModelParams(source=str(tmp_path)), TokenizerParams(), "paper", TrainParams())
    attention = (8 * 8 + 8) + 2 * (8 * 4 + 4) + 8 * 8  # q, k and v with bias; o
    assert shape.parameters == 10 * 8 + attention + 3 * 8 * 6 + 3 * 8
    assert not shape.normalises_heads


def test_an_unknown_model_is_one_error_that_names_it():
    with pytest.raises(DataError, match=r"^nobody/nothing: model\.source: no configuration can be read") as raised:
        architecture(ModelParams(source="nobody/nothing"), TokenizerParams(), "paper", TrainParams())
    assert "\n" not in str(raised.value)
