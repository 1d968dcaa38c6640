import logging

import pytest

from stepsearch_core.params import TokenizerParams
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.policy.writable import UNWRITABLE_SHARE, unwritable, warn_of_unwritable, written_answers
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
