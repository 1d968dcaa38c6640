import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.encoding import end_ids
from stepsearch_core.params import TokenizerParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.policy.tokenizers import (
    END,
    PAD,
    UNKNOWN,
    id_count,
    prepare,
    train_tokenizer,
    training_texts,
)
from tests import published, tiny

WORD, BPE = tiny.tokenizer("word"), tiny.tokenizer("bpe")
BOTH = pytest.mark.parametrize("tokenizer", [WORD, BPE], ids=["word", "bpe"])


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


@BOTH
def test_a_saved_policy_folder_brings_the_same_tokenizer(tokenizer, tmp_path):
    save_policy(tiny.model(tokenizer), tokenizer, tmp_path / "policy")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "policy")
    assert len(loaded) == len(tokenizer)
    assert (loaded.pad_token, loaded.eos_token) == (PAD, END)
    texts = [
        *tiny.TEXTS,
        THINK.search_turn("oslo", "where, lies?"),
        THINK.answer_turn("", "Norway"),
        "  two\n lines ",
        "é 東",
        END,
    ]
    for text in texts:
        ids = encode(tokenizer, text)
        assert encode(loaded, text) == ids
        assert loaded.decode(ids, skip_special_tokens=True) == tokenizer.decode(
            ids, skip_special_tokens=True
        )


@BOTH
def test_every_tag_is_one_token_of_its_own_and_is_not_left_out_of_text(tokenizer):
    ids = [encode(tokenizer, tag) for tag in THINK.tags]
    assert all(len(tag_ids) == 1 for tag_ids in ids)
    assert len({tag_ids[0] for tag_ids in ids}) == len(THINK.tags)
    for tag, tag_ids in zip(THINK.tags, ids, strict=True):
        assert tokenizer.decode(tag_ids, skip_special_tokens=True) == tag
        assert encode(tokenizer, f"oslo{tag}oslo").count(tag_ids[0]) == 1  # without blanks around it, too


@BOTH
def test_the_specials_are_three_tokens(tokenizer):
    assert len({tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id}) == 3
    ids = encode(tokenizer, f"oslo {END} {PAD} {UNKNOWN}")
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "oslo"


def test_word_knows_whole_words_and_nothing_else():
    assert WORD.convert_ids_to_tokens(encode(WORD, "oslo lies in atlantis.")) == [
        "oslo",
        "lies",
        "in",
        UNKNOWN,
        ".",
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_bpe_gives_every_text_back(text):
    assert BPE.decode(encode(BPE, text)) == text


def test_vocabulary_keeps_to_its_size_with_the_tags_on_top():
    texts = [f"word{number}" for number in range(100)]
    assert len(train_tokenizer(texts, TokenizerParams("word", 40), THINK.tags)) == 40 + len(THINK.tags)


def test_training_is_repeatable():
    for kind in ("word", "bpe"):
        assert tiny.tokenizer(kind).get_vocab() == tiny.tokenizer(kind).get_vocab()


def test_a_pretrained_tokenizer_is_not_trained():
    with pytest.raises(ValueError, match=r"model\.source"):
        train_tokenizer(tiny.TEXTS, TokenizerParams("pretrained"), ())


def test_a_tokenizer_without_padding_pads_with_what_ends_a_text():
    tokenizer = published.llama_3()
    assert tokenizer.pad_token_id is None
    before = tokenizer.encode("oslo <|end_of_text|> lies"), tokenizer.get_vocab()
    assert prepare(tokenizer).pad_token_id == 401
    assert (tokenizer.encode("oslo <|end_of_text|> lies"), tokenizer.get_vocab()) == before


def test_padding_that_the_model_has_no_row_for_is_replaced():
    tokenizer = published.qwen()
    assert prepare(tokenizer, vocab_size=406).pad_token_id == 403
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    assert prepare(tokenizer, vocab_size=406).pad_token_id == tokenizer.eos_token_id == 405


def test_more_tokens_than_the_model_has_rows_for_are_refused():
    with pytest.raises(DataError, match="the tokenizer has ids up to 405, the model embeds 405: take both"):
        prepare(published.qwen(), vocab_size=405)  # 405 ends its turns, 403 pads


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (None, {401, 404}),  # its end of text, and the end of a turn in its chat template
        (401, {401, 404}),
        ([401, 402, 404], {401, 402, 404}),
        ([401, 128_009], {401, 404}),  # no token of this tokenizer
    ],
)
def test_every_token_that_ends_a_turn_is_known(ends, expected):
    assert end_ids(prepare(published.llama_3(), ends)) == expected


def test_a_template_that_fails_hinders_nobody_who_does_not_want_it():
    tokenizer = published.llama_3()
    tokenizer.chat_template = "{{ raise_exception('no') }}"
    assert end_ids(prepare(tokenizer)) == {401}


def test_without_an_end_of_text_the_generation_configs_is_taken_or_it_is_said():
    tokenizer = published.llama_3()
    tokenizer.eos_token = tokenizer.chat_template = None
    with pytest.raises(DataError, match="no token that ends a text"):
        prepare(tokenizer)
    assert end_ids(prepare(tokenizer, 404)) == {404}
    assert tokenizer.pad_token_id == 404


@BOTH
def test_a_trained_tokenizer_stays_as_it_is(tokenizer):
    prepared = prepare(tokenizer, tokenizer.eos_token_id, len(tokenizer))
    assert prepared is tokenizer
    assert (prepared.pad_token, prepared.eos_token, end_ids(prepared)) == (
        PAD,
        END,
        {tokenizer.eos_token_id},
    )
    assert id_count(tokenizer) == len(tokenizer)


def test_texts_for_a_tokenizer():
    texts = list(training_texts([tiny.ADA], [turn.said for turn in tiny.turns(tiny.ADA)], tiny.PASSAGES[:1]))
    said = [" ".join(text.split()) for text in texts]
    assert said == [
        "ada was born in oslo .",
        "where lies the birthplace of ada",
        "where was ada born",
        "where lies oslo",
        "norway",
    ]
