import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.params import SynthesizeParams
from stepsearch_core.synthesis.filtering import (
    MAX_SIMILARITY,
    add_search_keys,
    choose_keys,
)
from stepsearch_core.synthesis.key_writers import Rules
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey
from stepsearch_core.synthesis.synthesize import mine_phrasings
from tests.stepsearch_core.synthesis.conftest import Table, everything


def keys(*texts):
    return [SearchKey(text, KeyKind.ENTITY) for text in texts]


def test_the_first_key_then_always_the_least_like_those_chosen():
    # Jaccard with "a b c": "a b d" 2/4, "a e f" 1/5, "x y" 0
    candidates = keys("a b c", "a b d", "a e f", "x y")
    chosen, duplicates = choose_keys(candidates, 3)
    assert [key.text for key in chosen] == ["a b c", "x y", "a e f"]
    assert duplicates == []


def test_near_duplicates_are_never_chosen():
    # 5 of 6 words shared: .83 is above the limit; 4 of 5: .8 is not
    chosen, duplicates = choose_keys(keys("a b c d e", "a b c d e f", "a b c d"), 4)
    assert [key.text for key in chosen] == ["a b c d e", "a b c d"]
    assert [key.text for key in duplicates] == ["a b c d e f"]


@settings(max_examples=60)
@given(
    st.lists(st.sets(st.sampled_from("abcdef"), min_size=1).map(sorted).map(" ".join), max_size=6),
    st.integers(1, 4),
)
def test_chosen_keys_are_few_unlike_and_from_the_candidates(texts, limit):
    candidates = keys(*texts)
    chosen, duplicates = choose_keys(candidates, limit)
    assert len(chosen) <= limit
    assert chosen[:1] == candidates[:1]
    sets = [set(key.text.split()) for key in chosen]
    pairs = [(one, other) for i, one in enumerate(sets) for other in sets[:i]]
    assert all(len(one & other) / len(one | other) <= MAX_SIMILARITY for one, other in pairs)
    assert len(chosen) + len(duplicates) <= len(candidates)


def test_keys_are_kept_only_if_they_find_the_support_and_the_rest_is_counted():
    support = Passage("s", "Dark River", "sprang from the pen of Ann")
    passages = {"s": support, "o": Passage("o", "", "")}
    hops = (Hop("Dark River >> author", "Ann", ("s",)), Hop("Ann >> spouse", "Bob", ("o",)))
    question = Question("1", "musique", "train", "?", ("Bob",), hops)
    retriever = Table(
        {"Dark River": ("o", "x", "s"), "Dark River author": ("s",), "Dark River pen": ("o", "s")}
    )
    params = SynthesizeParams(keys_per_hop=4, key_depth=2)
    (keyed,), counts = add_search_keys(
        [question],
        Rules({"author": ["pen"]}, passages.__getitem__),
        params,
        {"table": retriever},
        passages.__getitem__,
        everything,
    )
    assert [hop.search_keys for hop in keyed.hops] == [("Dark River pen", "Dark River author"), ()]
    assert counts.to_json() == {
        "hops": 2,
        "hops_by_keys": {"0": 1, "2": 1},
        "hops_without_key": 0.5,
        "by_hop": {
            "1": {"steps": 1, "without key": 0, "keys": 2},
            "2": {"steps": 1, "without key": 1, "keys": 0},
        },
        "valid_by_source": {"table": 2},
        "candidates": counted(own_phrasing=1, sub_question=2, question=2, relation=2, entity=2),
        "kept": counted(own_phrasing=1, sub_question=1),
        "dropped": {
            "enough others": 0,
            "gives title or answer away": 0,
            "near-duplicate": 0,
            "support found by too few sources": 7,
            "support not shown": 0,
        },
        "passages": {"found": 5, "not shown": 0},
    }


def counted(**kinds):
    return {kind.value: kinds.get(kind.value, 0) for kind in KeyKind}


def keyed_by(sources, passages=None, hop=None):
    """The keys of one hop, and the counts."""
    hop = hop or Hop("Dark River >> author", "Ann", ("s",))
    question = Question("1", "musique", "train", "?", ("Ann",), (hop,))
    passages = passages or {"s": Passage("s", "Dark River", "sprang from the pen of Ann")}
    write = Rules({}, passages.__getitem__)
    (keyed,), counts = add_search_keys(
        [question], write, SynthesizeParams(key_depth=2), sources, passages.__getitem__, everything
    )
    return keyed.hops[0].search_keys, counts


def test_at_least_half_of_the_sources_have_to_find_the_support():
    finds = {"Dark River": ("s",), "Dark River author": ("s",)}
    one, other, none = Table(finds), Table({"Dark River": ("s",)}), Table({})
    assert keyed_by({"a": one})[0] == ("Dark River author", "Dark River")
    assert keyed_by({"a": one, "b": none})[0] == ("Dark River author", "Dark River")  # one of two
    assert keyed_by({"a": one, "b": other, "c": none})[0] == ("Dark River",)  # two of three
    assert keyed_by({"a": one, "b": other, "c": none, "d": none})[0] == ("Dark River",)
    kept, counts = keyed_by({"a": one, "b": none, "c": none})
    assert kept == ()
    assert counts.valid == {"a": 2, "b": 0, "c": 0}
    assert all(len(asked) == 4 for table in (one, other) for asked, _ in table.asked)


def test_what_gives_title_or_answer_away_is_searched_by_nobody():
    hop = Hop("Ann >> spouse", "Bob Husband", ("s",))
    table = Table({})
    _, counts = keyed_by({"a": table}, {"s": Passage("s", "Bob", "")}, hop)
    [(asked, _)] = table.asked
    assert "Ann married wife husband" not in asked
    assert counts.dropped["gives title or answer away"] == 1
    assert counts.candidates[KeyKind.RELATION] == 1


def test_a_key_whose_support_is_found_but_not_shown_is_dropped_and_counted():
    question = Question(
        "1", "musique", "train", "?", ("Ann",), (Hop("Dark River >> author", "Ann", ("s",)),)
    )
    retriever = Table({"Dark River": ("o", "s"), "Dark River author": ("s",)})
    passages = {"s": Passage("s", "Dark River", "sprang from the pen of Ann"), "o": Passage("o", "", "")}
    (keyed,), counts = add_search_keys(
        [question],
        Rules({}, passages.__getitem__),
        SynthesizeParams(key_depth=2),
        {"table": retriever},
        passages.__getitem__,
        lambda found: [passage.id for passage in found[:1]],
    )
    assert keyed.hops[0].search_keys == ("Dark River author",)
    assert counts.dropped["support not shown"] == 1
    assert counts.to_json()["passages"] == {"found": 3, "not shown": 1}


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_in_the_world_every_key_finds_its_support_and_nothing_goes_uncounted(world, limit):
    params = SynthesizeParams(keys_per_hop=limit, key_depth=2)
    questions = world.questions[:100]
    mined = mine_phrasings(world.questions, world.corpus)
    sources = {"bm25": world.retriever}
    write = Rules(mined, world.corpus.get)
    keyed, counts = add_search_keys(questions, write, params, sources, world.corpus.get, everything)
    hops = [hop for question in keyed for hop in question.hops]
    pairs = [(key, hop) for hop in hops for key in hop.search_keys]
    for (_, hop), hits in zip(pairs, world.retriever.search([key for key, _ in pairs], 2), strict=True):
        assert {hit.passage.id for hit in hits} & set(hop.support_ids)
    assert max(len(hop.search_keys) for hop in hops) == limit
    assert counts.candidates.total() == counts.kept.total() + counts.dropped.total()
    assert counts.kept.total() == len(pairs)
    assert counts.hops_by_keys[0] / len(hops) < 0.05
