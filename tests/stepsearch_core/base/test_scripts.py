"""Eight scripts through everything that compares texts: what is asked for is found, and what is equal scores
1.
"""

import unicodedata
from dataclasses import replace
from itertools import chain
from typing import Literal

import pytest

from stepsearch_core.base.text import open_segmenter
from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.metrics.answers import exact_match, word_f1
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.index import build_index, open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.search_key import search_key_reward
from stepsearch_core.synthesis.sub_questions import keywords

# script: a passage, a query from it, and passages like it
TEXTS = {
    "latin": ("Žižkov je čtvrť Prahy.", "ČTVRŤ Žižkov", "Brno je město na Moravě."),
    "cyrillic": (
        "Пётр Чайковский родился в Воткинске.",
        "ЧАЙКОВСКИЙ Пётр",
        "Лев Толстой родился в Ясной Поляне.",
    ),
    "greek": (
        "Ο Γιώργος Σεφέρης γεννήθηκε στη Σμύρνη.",
        "ΣΕΦΈΡΗΣ Σμύρνη",
        "Ο Οδυσσέας Ελύτης γεννήθηκε στο Ηράκλειο.",
    ),
    "arabic": ("وُلِدَ أحمد شوقي في القاهرة.", "أحمد؟", "ولد طه حسين في المنيا."),
    "devanagari": ("दिल्ली में हिन्दी बोली जाती है।", "हिन्दी दिल्ली में", "कोलकाता में बांग्ला बोली जाती है।"),
    "han": ("鲁迅出生于浙江绍兴。", "鲁迅 绍兴", "老舍出生于北京。"),
    "kana": ("カレーライスはたまねぎでつくる。", "ｶﾚｰﾗｲｽ たまねぎ", "ポテトサラダはじゃがいもでつくる。"),
    "thai": ("เชียงใหม่เป็นเมืองในภาคเหนือ", "เชียงใหม่ ภาคเหนือ", "ภูเก็ตเป็นเกาะทางใต้"),
    "hangul": ("박경리는 통영에서 태어났다.", "박경리는 통영에서", "황순원은 평양에서 태어났다."),
}
FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")


@pytest.fixture(scope="module", params=FORMS)
def corpus(request, tmp_path_factory):
    """All passages in one corpus, written in either form."""
    folder = tmp_path_factory.mktemp("scripts") / "corpus"
    texts = chain.from_iterable((passage, other) for passage, _, other in TEXTS.values())
    build_corpus((Passage("", "", unicodedata.normalize(request.param, text)) for text in texts), folder)
    return Corpus.open(folder)


@pytest.fixture(scope="module")
def index(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "index"
    build_index(corpus, RetrievalParams(), folder, measured=["hybrid"])
    return folder


@pytest.mark.parametrize("method", ["bm25", "dense", "hybrid"])
def test_a_query_taken_from_a_passage_finds_it(corpus, index, method):
    retriever = open_retriever(RetrievalParams(method=method), index, corpus)
    for form in FORMS:
        found = retriever.search([unicodedata.normalize(form, query) for _, query, _ in TEXTS.values()], 1)
        wanted = {script: unicodedata.normalize("NFC", passage) for script, (passage, _, _) in TEXTS.items()}
        assert {script: hit.passage.text for script, (hit,) in zip(TEXTS, found, strict=True)} == wanted


@pytest.mark.parametrize("script", TEXTS)
def test_a_passage_is_like_itself_in_either_form_and_less_like_its_neighbour(script):
    passage, _, other = TEXTS[script]
    composed, apart = (unicodedata.normalize(form, passage) for form in FORMS)
    texts = {"composed": composed, "apart": apart, "other": other}
    similarity = TfidfSimilarity.fit(Passage(name, "", text) for name, text in texts.items())
    ((itself, neighbour),) = similarity.cosine(["composed"], ["apart", "other"])
    assert itself == pytest.approx(1, abs=1e-12)
    assert 0 < neighbour < 0.9


@pytest.mark.parametrize("script", TEXTS)
def test_answers_and_search_keys_in_nfd_are_those_in_nfc(script):
    passage, query, other = TEXTS[script]
    composed, apart = (unicodedata.normalize(form, passage) for form in FORMS)
    assert exact_match(apart, [composed]) == exact_match(composed.rstrip(".。।"), [apart]) == 1.0
    assert exact_match(other, [composed]) == 0.0
    assert word_f1(apart, [composed]) == search_key_reward([apart], [[composed]]) == 1.0
    assert 0 < word_f1(unicodedata.normalize("NFD", query), [composed]) < 1


@pytest.mark.parametrize("script", TEXTS)
def test_keywords_of_a_question_hold_whole_words(script):
    passage = unicodedata.normalize("NFC", TEXTS[script][0])
    assert all(word in passage for word in keywords(passage).split())
    assert "".join(keywords(passage).split()) == "".join(sign for sign in passage if sign not in " .,。।")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("segmenter", "package", "text", "part"),
    [
        ("jieba", "rjieba", "北京清华大学", "清华大学"),
        ("pythainlp", "pythainlp", "เมืองหลวงของประเทศ", "เมืองหลวง"),
    ],
)
def test_a_segmenter_reaches_index_query_similarity_and_f1(tmp_path, segmenter, package, text, part):
    pytest.importorskip(package)
    params = RetrievalParams(segmenter=segmenter)
    segment = open_segmenter(segmenter)
    # the same signs in another order: the same words by Unicode's rule, others by the segmenter's
    build_corpus([Passage("", "", text), Passage("", "", text[::-1])], tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    build_index(corpus, params, tmp_path / "index", measured=["dense"])
    TfidfSimilarity.build(corpus, tmp_path / "tfidf", segmenter)
    for method in ("bm25", "dense"):
        (hits,) = open_retriever(replace(params, method=method), tmp_path / "index", corpus).search(
            [part], 1
        )
        assert hits[0].passage.text == text
    first, second = (passage.id for passage in corpus)
    similarity = TfidfSimilarity.open(tmp_path / "tfidf", corpus, segmenter)
    assert similarity.segment is segment
    assert similarity.cosine([first], [second])[0, 0] < 0.5
    assert word_f1(part, [text], segment) == 2 / (1 + len(segment(text)))
