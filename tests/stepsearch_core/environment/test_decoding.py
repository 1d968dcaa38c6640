import pytest
from tokenizers import AddedToken

from stepsearch_core.environment.actions import PLAN, TAGS, THINK
from stepsearch_core.environment.decoding import TurnDecoder
from tests import published, tiny

FAMILIES = {
    "word": tiny.tokenizer,
    "qwen": published.qwen,
    "llama_3": published.llama_3,
    "mistral": published.mistral,
    "folding": published.folding,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_special_tokens_are_no_text(name):
    tokenizer = FAMILIES[name]()
    ids = [*range(len(tokenizer)), *range(0, len(tokenizer), 7)]
    assert TurnDecoder(tokenizer).text(ids) == tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("tag", sorted(TAGS))
def test_a_tag_is_text_even_as_a_special_token(tag):
    tokenizer = published.qwen()
    tokenizer.add_tokens([AddedToken(tag, special=True)], special_tokens=True)
    ids = tokenizer.encode(f"oslo {tag} lies<|im_end|>")
    assert tag not in tokenizer.decode(ids, skip_special_tokens=True)
    assert TurnDecoder(tokenizer).text(ids) == f"oslo {tag} lies"


def test_every_tag_of_every_style_is_known():
    assert {*THINK.tags, *PLAN.tags} == TAGS
