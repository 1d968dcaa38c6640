import pytest
import torch

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import EnvironmentParams, ModelParams, TokenizerParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.start import starting_policy, starting_tokenizer
from tests import tiny

SHAPE = ModelParams(
    hidden_size=16, layers=1, heads=2, key_value_heads=1, intermediate_size=16, max_positions=64
)
SHORT = EnvironmentParams(max_trajectory_tokens=64)
TEXTS = ("oslo lies in norway",)


def test_a_built_policy_has_the_style_s_words_and_tags():
    policy, tokenizer = starting_policy(SHAPE, TokenizerParams("word"), SHORT, TEXTS)
    assert policy.get_input_embeddings().num_embeddings == len(tokenizer)
    for written in ("oslo", "<search>", "</answer>"):
        (token,) = tokenizer.encode(written, add_special_tokens=False)
        assert token != tokenizer.unk_token_id
    alone = starting_tokenizer(SHAPE, TokenizerParams("word"), SHORT, TEXTS)
    assert alone.get_vocab() == tokenizer.get_vocab()


def test_a_published_policy_comes_as_it_is_and_reads_no_texts(tmp_path):
    published = tiny.tokenizer("word")
    torch.manual_seed(0)
    model = tiny.model(published)
    save_policy(model, published, tmp_path / "policy")
    named = ModelParams(source=str(tmp_path / "policy"))
    unread = iter(["must not be read"])
    policy, tokenizer = starting_policy(named, TokenizerParams("pretrained"), SHORT, unread)
    assert tokenizer.get_vocab() == published.get_vocab()
    assert all(map(torch.equal, policy.state_dict().values(), model.state_dict().values()))
    assert (
        starting_tokenizer(named, TokenizerParams("pretrained"), SHORT, unread).get_vocab()
        == published.get_vocab()
    )
    assert next(unread) == "must not be read"


def test_contexts_longer_than_the_model_s_are_refused():
    with pytest.raises(DataError, match="65 tokens, but the model is made for contexts of at most 64"):
        starting_policy(SHAPE, TokenizerParams("word"), EnvironmentParams(max_trajectory_tokens=65), TEXTS)
