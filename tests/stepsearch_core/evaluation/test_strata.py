from dataclasses import replace

import pytest

from stepsearch_core.base.types import StopReason
from stepsearch_core.evaluation.strata import grouped, hops_of, stratify, supports_by_hop
from stepsearch_core.params import EvaluateParams
from stepsearch_core.rollout.records import HopRecord, ShownPassage
from tests.report_data import record_of

HOPS = (HopRecord("who?", "x", ("g1",)), HopRecord("where?", "y", ("g2", "g3")))
NOTHING = record_of(f1=0.0)
SEARCH = next(turn for turn in NOTHING.turns if turn.query is not None)
ANSWER = NOTHING.turns[-1]


def shown(*ids):
    passages = tuple(ShownPassage(one, "", "text", one.startswith("g"), False, False) for one in ids)
    return replace(SEARCH, passages=passages)


def answered(f1, *searches, hops=HOPS, reason=StopReason.ANSWERED):
    support_ids = tuple(one for hop in hops for one in hop.support_ids)
    made = record_of(f1=f1)
    return replace(made, turns=(*searches, ANSWER), hops=hops, support_ids=support_ids, stop_reason=reason)


def test_supports_by_hop_by_hand():
    records = [
        answered(1.0, shown("g2", "x"), shown("g1", "g3"), shown("g1")),
        answered(0.0, shown("x", "y")),
        answered(0.0, shown("x"), shown(), hops=HOPS[:1]),
        answered(0.0, hops=(HopRecord("", "", ()),)),  # no support is known, and nothing was searched
    ]
    (recall_1, precision_1), (recall_2, precision_2) = supports_by_hop(records)
    assert recall_1 == [1.0, 0.0, 0.0, None]
    assert precision_1 == [0.5, 0.0, 0.0, None]
    assert recall_2 == [1.0, 0.0]
    assert precision_2 == [1.0, None]
    assert supports_by_hop([]) == []


def test_groups_are_in_order_and_leave_out_what_has_no_stratum():
    bare = answered(0.5, hops=(HopRecord("", "", ("g1",)),))
    records = [answered(0.25), bare, answered(1.0, hops=HOPS[:1])]
    assert [hops_of(record) for record in records] == [2, 0, 1]
    groups = grouped(records, lambda record: str(hops_of(record) or ""))
    assert {name: [record.measures["f1"] for record in group] for name, group in groups.items()} == {
        "1": [1.0],
        "2": [0.25],
    }
    assert list(groups) == ["1", "2"]


def test_questions_of_all_benchmarks_count_alike():
    records = {
        "trained": {
            "musique": [answered(1.0, shown("g1")), answered(0.5, reason=StopReason.TURN_LIMIT)],
            "bamboogle": [answered(0.0, hops=HOPS[:1])],
        },
        "none": {"musique": [], "bamboogle": []},
    }
    told = stratify(records, EvaluateParams(bootstrap_samples=200), seed=0)
    trained = told["trained"]
    assert {name: cells["f1"]["n"] for name, cells in trained["hops"].items()} == {"1": 1, "2": 2}
    assert trained["hops"]["2"]["f1"]["value"] == 0.75
    assert {name: cells["f1"]["value"] for name, cells in trained["stop_reason"].items()} == {
        "answered": 0.5,
        "turn_limit": 0.5,
    }
    recall = trained["supports"]["1"]["recall"]
    assert (recall["value"], recall["n"]) == (pytest.approx(1 / 3), 3)
    assert recall["low"] <= recall["value"] <= recall["high"]
    assert trained["supports"]["2"]["precision"] == {"value": None, "low": None, "high": None, "n": 0}
    assert told["none"] == {"hops": {}, "stop_reason": {}, "supports": {}}
