import re
import string
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import (
    SEGMENTERS,
    count_references,
    normalize,
    normalize_answer,
    open_segmenter,
    resolve_references,
    words,
)

ascii_text = st.text(string.printable, max_size=40)


def squad(text: str) -> str:
    """`normalize_answer` of SQuAD's evaluation script, version 1.1."""
    text = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("O'Brien’s U.S. office, 3.5", ["o", "brien", "s", "u", "s", "office", "3", "5"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("Οδυσσέας", ["οδυσσέασ"]),  # case folding has one sigma
        ("हिन्दी में।", ["हिन्दी", "में"]),
        ("وُلِدَ؟", ["وُلِدَ"]),
        ("鲁迅，1881年", ["鲁", "迅", "1881", "年"]),
        ("ｶﾞﾗｽ ガラス", ["ガラス", "ガラス"]),
        ("น้ำใจ", ["น้", "ำ", "ใ", "จ"]),
        ("서울은", ["서울은"]),
        ("€5 ÷ m²", ["€", "5", "÷", "m", "²"]),
        ("a + b_c", ["a", "b", "c"]),
        ("co\u00adoperate \ufeffword", ["cooperate", "word"]),
    ],
)
def test_what_a_word_is(text, wanted):
    assert words(text) == words(unicodedata.normalize("NFD", text)) == wanted


@given(st.text(max_size=30))
def test_the_normal_form_is_one_for_all_spellings_and_final(text):
    normal = normalize(text)
    assert normal == normalize(normal)
    assert (
        normal
        == normalize(unicodedata.normalize("NFC", text))
        == normalize(unicodedata.normalize("NFD", text))
    )


@given(st.text(max_size=30))
def test_no_letter_digit_or_symbol_falls_out(text):
    kept = {
        sign
        for sign in normalize(text)
        if unicodedata.category(sign)[0] in "LNS" and sign not in string.punctuation
    }
    assert kept <= set("".join(words(text)))
    assert all(words(word) == [word] for word in words(text))


@given(ascii_text)
def test_for_ascii_the_normalisation_is_squads_and_so_are_the_words(text):
    assert normalize_answer(text) == squad(text)
    assert words(normalize_answer(text)) == squad(text).split()


@pytest.mark.parametrize("text", ["“Paris”", "Paris。", "¿Paris?", "— Paris …", "the Paris", "PARIS।"])
def test_punctuation_of_every_script_is_dropped_from_answers(text):
    assert normalize_answer(text) == "paris"


def test_a_letter_with_a_mark_is_no_article():
    assert normalize_answer("a̱ the") == normalize("a̱")


def test_jieba_cuts_runs_of_han_and_nothing_else():
    pytest.importorskip("rjieba")
    assert open_segmenter("jieba")("我来到北京清华大学 (in Beijing)。") == [
        "我",
        "来到",
        "北京",
        "清华大学",
        "in",
        "beijing",
    ]
    assert open_segmenter("jieba")("ガラス O'Brien") == words("ガラス O'Brien")


@pytest.mark.slow
def test_pythainlp_cuts_runs_of_thai_and_nothing_else():
    pytest.importorskip("pythainlp")
    assert open_segmenter("pythainlp")("กรุงเทพมหานครเป็นเมืองหลวง น้ำ 3.5") == [
        "กรุงเทพมหานคร",
        "เป็น",
        "เมืองหลวง",
        "น้ำ",
        "3",
        "5",
    ]
    assert open_segmenter("pythainlp")("鲁迅") == words("鲁迅")


@pytest.mark.parametrize(
    ("segmenter", "package"), [("jieba", "rjieba"), ("pythainlp", "pythainlp.tokenize")]
)
def test_a_segmenter_that_is_not_installed_is_named_with_what_to_do(monkeypatch, segmenter, package):
    open_segmenter.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        DataError, match=r"^params: field 'retrieval\.segmenter': .*pip install .*\[segmenters\]"
    ):
        open_segmenter(segmenter)


def test_every_segmenter_is_one_function():
    assert open_segmenter("unicode") is words
    assert SEGMENTERS == ("unicode", "jieba", "pythainlp")


@pytest.mark.parametrize(
    ("sub_question", "answers", "resolved", "counts"),
    [
        ("#9 Dream >> performer", [], "#9 Dream >> performer", (1, 0)),
        ("#9 Dream >> performer", ["a"] * 8, "#9 Dream >> performer", (1, 0)),
        ("#0 >> x", ["a"], "#0 >> x", (0, 0)),
        ("#1 >> spouse", ["Ann"], "Ann >> spouse", (0, 0)),
        ("#12 >> spouse", ["Ann"], "#12 >> spouse", (1, 0)),
        ("#" + "1" * 5000, ["Ann"], "#" + "1" * 5000, (0, 0)),
        ("where did #1 meet #2 ?", ["Ann", "Bob"], "where did Ann meet Bob ?", (0, 0)),
        ("where did #1 meet #2 ?", ["Ann"], "where did Ann meet #2 ?", (1, 0)),
        ("#1's mother", ["Ann"], "Ann's mother", (0, 0)),
        ("arrondissement of #1 >> country", ["Brest"], "arrondissement of Brest >> country", (0, 0)),
        ("#1 Hits >> performer", ["Ann"], "Ann Hits >> performer", (0, 1)),
        ("who sang the #1 hit of 1970", ["Ann"], "who sang the Ann hit of 1970", (0, 1)),
        ("who lives in the #1 ?", ["USA"], "who lives in the USA ?", (0, 0)),
        ("C#1 minor", ["Ann"], "CAnn minor", (0, 1)),
        ("#1 or #1", ["#2"], "#2 or #2", (0, 0)),
    ],
)
def test_references_are_replaced_where_there_is_such_a_step(sub_question, answers, resolved, counts):
    assert resolve_references(sub_question, answers) == resolved
    assert count_references(sub_question, answers) == counts
