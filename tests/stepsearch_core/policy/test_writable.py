import logging

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import ModelParams, TokenizerParams
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.policy.writable import (
    UNWRITABLE_SHARE,
    refuse_unwritable,
    unwritable,
    warn_of_unwritable,
    what_limits,
    written_answers,
)
from tests import tiny

BPE = tiny.tokenizer("bpe")


def test_which_answers_cannot_be_written():
    accepted = [
        ("oslo",),
        ("Oslo.",),  # exact match sees neither capitals nor full stops
        ("the rome of norway",),
        ("atlantis",),  # unknown
        ("o.slo",),  # "o . slo"
        ("atlantis", "oslo"),  # one of two is enough
        ("lies in atlantis", "atlantis"),
    ]
    assert unwritable(tiny.tokenizer("word"), accepted[:1]) == []
    word = train_tokenizer(
        ["oslo", "Oslo", "the rome of norway", "o . slo lies in"], TokenizerParams("word"), ()
    )
    assert unwritable(word, accepted) == ["atlantis", "o.slo", "lies in atlantis"]
    assert unwritable(BPE, accepted) == []
    never = [
        ("?!",),
        ("\u200b",),
        ("a </answer>",),
        ("<plan>",),
    ]  # no word, or a tag that a turn would be read by
    assert unwritable(BPE, never) == [answers[0] for answers in never]
    assert unwritable(BPE, [("?!", "oslo")]) == []


@pytest.mark.parametrize(("writable", "level"), [(99, logging.INFO), (98, logging.WARNING), (100, None)])
def test_more_than_one_in_a_hundred_is_a_warning(writable, level, caplog):
    caplog.set_level(logging.INFO)
    accepted = [("oslo",)] * writable + [("?!",)] * (100 - writable)
    answers = written_answers(BPE, accepted)
    warn_of_unwritable(answers)
    assert answers["share"] == (100 - writable) / 100
    assert answers["warn_above"] == UNWRITABLE_SHARE
    assert [record.levelno for record in caplog.records] == ([level] if level else [])
    assert all("of 100 training questions" in record.getMessage() for record in caplog.records)


def test_more_than_half_is_refused():
    half = [("oslo",), ("?!",)]
    refuse_unwritable(written_answers(BPE, half), BPE, ModelParams(), TokenizerParams("bpe"))
    with pytest.raises(DataError, match=r"field 'tokenizer\.kind': 2 of 3 training .* as '\?!'"):
        refuse_unwritable(written_answers(BPE, [*half, ("?!",)]), BPE, ModelParams(), TokenizerParams("bpe"))


def test_what_limits_answers():
    full = train_tokenizer(["oslo rome paris"], TokenizerParams("word", 5), ())
    roomy = train_tokenizer(["oslo rome paris"], TokenizerParams("word", 50), ())
    assert what_limits(full, ModelParams(), TokenizerParams("word", 5)) == "tokenizer.vocab_size"
    assert what_limits(roomy, ModelParams(), TokenizerParams("word", 50)) == "tokenizer.kind"
    assert what_limits(full, ModelParams("x"), TokenizerParams("pretrained")) == "model.source"
