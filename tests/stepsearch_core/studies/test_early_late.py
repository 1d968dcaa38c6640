from stepsearch_core.report.trajectories import KeptTrajectory
from stepsearch_core.studies.early_late import early_and_late
from tests.report_data import record_of


def kept(step, name, hops):
    asked = [{"sub_question": "?", "sub_answer": "!", "support_ids": ["a"]}] * hops
    return KeptTrajectory(step, record_of(id=name, hops=asked), None)


def shown(pairs):
    return [(pair.hops, pair.early.id, pair.late.id) for pair in pairs]


def test_pairs_are_of_the_first_and_the_last_step_with_as_many_hops():
    made = [
        *(kept(1, "a2", 2), kept(1, "b2", 2), kept(1, "c4", 4), kept(1, "d3", 3)),
        kept(5, "between", 2),
        *(kept(9, "e4", 4), kept(9, "f2", 2), kept(9, "g2", 2)),
    ]
    pairs = early_and_late(made)
    assert shown(pairs) == [(4, "c4", "e4"), (2, "a2", "f2"), (2, "b2", "g2")]
    assert {(pair.early_step, pair.late_step) for pair in pairs} == {(1, 9)}
    assert shown(early_and_late(made, 1)) == [(4, "c4", "e4")]


def test_one_step_is_neither_early_nor_late():
    assert early_and_late([kept(1, "a", 2), kept(1, "b", 2)]) == []
    assert early_and_late([]) == []
