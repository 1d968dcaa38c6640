from stepsearch_core.base.types import Hop, Question
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.retrieval.gold_audit import audit, audit_lines
from stepsearch_core.retrieval.queries import Query

GOLD = GoldMatches({"other": "chunk"}, missing=frozenset(["gone"]))
QUESTIONS = [
    Question(str(number), "musique", "test", "", ("a",), tuple(Hop("who", "", (gold,)) for gold in hops))
    for number, hops in enumerate([("same", "other"), ("gone", "same"), ("same",)])
]
SUB_QUESTIONS = [
    Query("a", frozenset({0}), 1),
    Query("b", frozenset({1}), 2),
    Query("c", frozenset({-1}), 1),
    Query("d", frozenset({0}), 2),
]  # the last question has no sub-question
RANKINGS = {
    "bm25": [[(0, 2.0)], [(0, 2.0), (1, 1.0)], [(3, 1.0)], []],
    "dense": [[(1, 2.0)], [(1, 2.0)], [(3, 1.0)], [(0, 1.0)]],
}


def test_each_hop_by_hand():
    rows = audit(QUESTIONS, GOLD, SUB_QUESTIONS, RANKINGS, [1, 2])
    assert rows["1"] == {
        "supports": 3,
        "same_content": 2,
        "another_text": 0,
        "added": 0,
        "missing": 1,
        "asked": 1,
        "not_found": {"bm25": {"1": 0, "2": 0}, "dense": {"1": 1, "2": 1}},
    }
    assert (rows["2"]["another_text"], rows["2"]["asked"]) == (1, 2)
    assert rows["2"]["not_found"] == {"bm25": {"1": 2, "2": 1}, "dense": {"1": 0, "2": 0}}
    assert (rows["all"]["supports"], rows["all"]["asked"]) == (5, 3)
    assert rows["all"]["not_found"] == {"bm25": {"1": 2, "2": 1}, "dense": {"1": 1, "2": 1}}


def test_a_line_for_each_benchmark():
    rows = audit(QUESTIONS, GOLD, SUB_QUESTIONS, RANKINGS, [1, 2])
    unasked = audit(QUESTIONS[2:], GOLD, [], {"bm25": []}, [1, 2])
    assert audit_lines({"musique": rows, "hotpotqa": unasked}, 2) == [
        "  musique          5 gold passages, 1 another text, 1 missing; of 3 sub-questions asked,"
        " not found in the first 2: 33.3% by bm25, 33.3% by dense",
        "  hotpotqa         1 gold passages",
    ]
