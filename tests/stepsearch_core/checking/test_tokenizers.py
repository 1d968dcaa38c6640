import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.tokenizers import published_tokenizer, stand_in
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import load_policy, load_tokenizer
from stepsearch_core.policy.structure import read_config
from tests.import_graph import ROOT

PARAMS = ROOT / "params.yaml"


def test_the_general_class_reads_what_the_right_one_reads(saved_model):
    text = "where was Ada born?<|im_end|>"
    quick, right = published_tokenizer(saved_model, {}), load_tokenizer(saved_model)
    assert quick.encode(text) == right.encode(text)
    assert quick.turn_ends == right.turn_ends


@pytest.mark.parametrize("ends", [None, [5, 6]])
def test_ends_of_turns_are_those_of_the_generation_config_or_else_of_the_configuration(model, edit, ends):
    edit(model / "config.json", eos_token_id=[7, 405])
    if ends is None:
        (model / "generation_config.json").unlink()
    else:
        edit(model / "generation_config.json", eos_token_id=ends)
    quick = published_tokenizer(model, read_config(model))
    assert quick.turn_ends == load_tokenizer(model).turn_ends == load_policy(model)[1].turn_ends
    assert quick.turn_ends == {405, *(ends or [7])}


def test_a_damaged_tokenizer_is_named(model):
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer\.json: no tokenizer can be loaded"):
        published_tokenizer(model, {})


@pytest.mark.parametrize("size", [5, 500])
def test_what_stands_in_has_the_size_that_it_will_have(size):
    params = load_params(PARAMS, ["tokenizer.kind=word", f"tokenizer.vocab_size={size}"])
    words = [f"word{number}" for number in range(600)]
    assert stand_in(params, words).vocab_size == size
