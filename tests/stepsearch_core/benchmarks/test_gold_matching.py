import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.text import passage_id
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.benchmarks.examples import Example, make_passage
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.gold_matching import GoldMatcher, overlap, title_key
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.params import CorpusParams

LEE = make_passage("Ann Lee", "Ann Lee was born in Rome.")  # six words
RAY = make_passage("Bob Ray", "Bob Ray plays chess.")


def example(*gold):
    """A question with a hop for each gold passage."""
    hops = tuple(Hop("who", "Ann", (passage.id,)) for passage in gold)
    return Example(Question("q", "musique", "test", "who?", ("Ann",), hops), gold)


def matched(passages, *gold, **params):
    """What `gold.json` says of a corpus of these passages, what its questions see, and the manifest."""
    matcher = GoldMatcher([("musique", example(*gold))], CorpusParams(**params))
    return matcher, [*matcher.watch(passages), *matcher.added()]


def written(matcher, folder):
    added = matcher.write(folder)
    return json.loads((folder / "gold.json").read_text()), GoldMatches.open(folder), added


def counted(text):
    return Counter(text.split())


def test_overlap_by_hand():
    assert overlap(counted("a a b"), counted("a b b")) == 2 / 3  # one a and one b of three words
    assert overlap(counted("a b"), counted("x b a y z")) == 1
    assert overlap(counted("a b c d"), counted("c x")) == 1 / 2
    assert overlap(counted(""), counted("a")) == overlap(counted(""), counted("")) == 0


some_words = st.lists(st.sampled_from("abcde"), max_size=8).map(Counter)


@given(some_words, some_words)
def test_overlap_is_a_symmetric_share_and_one_for_a_part(text, other):
    found = overlap(text, other)
    assert 0 <= found <= 1
    assert found == overlap(other, text)
    assert overlap(text, text + other) == bool(text)


@pytest.mark.parametrize(
    ("title", "other", "same"),
    [
        ("Spider-Man", "spider – man", True),
        ("Beyonce\u0301", "BEYONCÉ", True),
        ("  The  Wall ", "The Wall", True),
        ("The Wall", "Wall", False),
        ("Java", "Java (island)", False),
        ("!!!", "", False),
        ("!!!", " !!!", True),
    ],
)
def test_titles_are_compared_by_their_words(title, other, same):
    assert (title_key(title) == title_key(other)) == same


def test_same_content_counts_before_the_largest_overlap(tmp_path):
    longer = Passage("", "Ann Lee", "Ann Lee was born in Rome. She wrote.")
    matcher, passages = matched([longer, Passage("", "Ann  Lee", "Ann Lee was  born in Rome."), RAY], LEE)
    described, gold, _ = written(matcher, tmp_path)
    assert len(passages) == 3
    assert described["another_text"] == described["missing"] == {}
    assert gold(example(LEE).question) == example(LEE).question


def test_most_words_in_common_under_the_same_title_and_the_first_of_equal_ones(tmp_path):
    """Of 6 words: 2 of 5, a short one whole, then twice 4 of 6; another title does not count."""
    texts = [
        *("Rome is in Lazio too.", "In Rome."),
        *("Ann Lee was born here today.", "Ann Lee was born there then."),
    ]
    chunks = [make_passage("ANN LEE", text) for text in texts]
    matcher, _ = matched([make_passage("Ann Lee (singer)", LEE.text), *chunks], LEE, gold_overlap=0.5)
    described, gold, _ = written(matcher, tmp_path)
    assert described["another_text"] == {LEE.id: {"passage": chunks[2].id, "overlap": 0.6667}}
    assert gold(example(LEE).question).support_ids == (chunks[2].id,)


def test_below_the_limit_it_is_missing_and_its_best_overlap_is_told(tmp_path):
    chunk = make_passage("Ann Lee", "Rome is in Lazio too.")
    matcher, _ = matched([chunk], LEE, RAY, gold_overlap=0.41)
    described, gold, added = written(matcher, tmp_path)
    assert described["missing"] == {
        LEE.id: {"title": "Ann Lee", "overlap": 0.4},
        RAY.id: {"title": "Bob Ray", "overlap": None},
    }
    assert gold(example(LEE).question) == example(LEE).question
    assert added == {}
    matcher, _ = matched([chunk], LEE, RAY, gold_overlap=0.4)
    described, _, _ = written(matcher, tmp_path)
    assert list(described["another_text"]) == [LEE.id]


def test_counts_and_shares_by_benchmark_and_hop(tmp_path):
    chunk = make_passage("Ann Lee", "Ann Lee was born in Rome. She wrote.")
    sets = [("musique", example(LEE, RAY)), ("musique", example(RAY)), ("bamboogle", example())]
    matcher = GoldMatcher(sets, CorpusParams())
    assert list(matcher.watch([chunk, LEE, chunk])) == [chunk, LEE, chunk]
    described, _, _ = written(matcher, tmp_path)
    first = {"supports": 2, "same_content": 1, "another_text": 0, "added": 0, "missing": 1}
    assert described["counts"]["musique"]["1"] == first
    assert described["shares"]["musique"]["all"] == {
        "same_content": 0.3333,
        "another_text": 0.0,
        "added": 0.0,
        "missing": 0.6667,
    }
    assert described["shares"]["bamboogle"] == {}


def test_missing_ones_are_added_behind_the_corpus_if_asked(tmp_path):
    chunk = make_passage("Ann Lee", "Ann Lee was born in Rome. She wrote.")
    matcher = GoldMatcher([("musique", example(RAY, LEE))], CorpusParams(add_missing_gold=True))
    manifest = build_corpus(
        matcher.watch([chunk]), tmp_path / "corpus", matcher.write, of_questions=matcher.added()
    )
    corpus = Corpus.open(tmp_path / "corpus")
    assert [passage.id for passage in corpus] == [chunk.id, RAY.id]
    assert manifest == json.loads((tmp_path / "corpus" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["of_questions"], manifest["added_gold"]) == (2, 1, 1)
    described = json.loads((tmp_path / "corpus" / "gold.json").read_text())
    assert list(described["added"]) == [RAY.id]
    assert described["missing"] == {}
    assert GoldMatches.open(tmp_path / "corpus")(example(RAY, LEE).question).support_ids == (
        RAY.id,
        chunk.id,
    )


titles, texts = (
    st.sampled_from(["Ann", "ann", "Bob"]),
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=7),
)
some_passages = st.lists(
    st.builds(lambda title, text: make_passage(title, " ".join(text)), titles, texts), max_size=8
)


@given(some_passages, some_passages, st.sampled_from([0.3, 0.5, 0.75, 1.0]))
def test_one_pass_finds_what_a_look_at_all_pairs_finds(tmp_path_factory, gold, corpus, limit):
    matcher, _ = matched(corpus, *gold, gold_overlap=limit)
    _, found, _ = written(matcher, tmp_path_factory.mktemp("gold"))
    ids = [passage_id(passage.title, passage.text) for passage in corpus]
    for sought in gold:
        common = {
            identifier: (counted(sought.text) & counted(passage.text)).total()
            for identifier, passage in zip(reversed(ids), reversed(corpus), strict=True)
            if passage.title.lower() == sought.title.lower()
            and overlap(counted(sought.text), counted(passage.text)) >= limit
        }
        first = sorted(common, key=lambda identifier: (-common[identifier], ids.index(identifier)))
        expected = next(iter(first), None)
        if sought.id in ids or expected is None:
            expected = sought.id
        assert found(example(sought).question).support_ids == (expected,)
        assert (found.presence(sought.id) == "missing") == (expected not in ids)
