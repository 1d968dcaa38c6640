from stepsearch_core.report.breakdown import ends_by_reason, f1_by_hops, invalid_by_reason, recall_by_hop
from tests.report_data import make_record, record_of


def record(hops, f1, sub_question="Who?"):
    return record_of(f1=f1, hops=[{"sub_question": sub_question, "sub_answer": "x"}] * hops)


def test_f1_by_hops_over_all_benchmarks():
    records = {
        "warmstart": {
            "musique": {"a": record(2, 0.5), "b": record(3, 0.0)},
            "bamboogle": {"c": record(2, 0.0)},
        },
        "trained": {"musique": {"a": record(2, 1.0)}},
    }
    table = f1_by_hops(records)
    assert table is not None
    assert table.header == ("", "Questions", "Warm start", "Trained")
    assert table.rows == (("2 hops", "2", "0.250", "1.000"), ("3 hops", "1", "0.000", "–"))


def test_questions_without_a_decomposition_have_no_hops():
    assert (
        f1_by_hops({"trained": {"hotpotqa": {"a": record(2, 1.0, sub_question=""), "b": record(0, 1.0)}}})
        is None
    )


def test_recall_by_hop_over_all_benchmarks():
    def shown(*ids, supports=(["p"], ["q", "r"])):
        (search, _) = make_record("musique", 0, 1.0)["turns"]
        passages = [search["passages"][0] | {"id": name} for name in ids]
        hops = [{"sub_question": "?", "sub_answer": "x", "support_ids": gold} for gold in supports]
        return record_of(hops=hops, turns=[search | {"passages": passages}])

    records = {
        "warmstart": {"musique": {"a": shown("p", "q"), "b": shown("z")}},
        "trained": {"musique": {"a": shown("p", supports=(["p"],))}},
    }
    table = recall_by_hop(records)
    assert table is not None
    assert table.header == ("", "Warm start", "Trained")
    assert table.rows == (("hop 1", "0.500", "1.000"), ("hop 2", "0.250", "–"))
    assert recall_by_hop({"trained": {"qa": {"a": shown("p", supports=())}}}) is None


def test_ends_by_reason_with_their_f1():
    answered, stopped = record_of(f1=0.5), record_of(f1=0.0, stop_reason="turn_limit")
    records = {
        "warmstart": {"musique": {"a": answered, "b": stopped}, "hotpotqa": {"c": stopped, "d": stopped}},
        "trained": {"musique": {"a": answered}},
    }
    table = ends_by_reason(records)
    assert table.rows == (("answered", "25.0%, 0.500", "100.0%, 0.500"), ("turn limit", "75.0%, 0.000", "–"))


def test_invalid_turns_by_reason_over_all_benchmarks():
    def turns(*reasons):
        (search, _) = make_record("musique", 0, 1.0)["turns"]
        return record_of(turns=[search | {"reason": reason} for reason in reasons])

    records = {
        "warmstart": {
            "musique": {"a": turns("no action", None)},
            "bamboogle": {"b": turns("empty <search>", None)},
        },
        "trained": {"musique": {"a": turns(None, None), "b": turns(None, "no action")}},
        "gold_questions": {"musique": {"a": turns()}},
    }
    table = invalid_by_reason(records)
    assert table is not None
    assert table.header == ("", "Warm start", "Trained", "Gold questions")
    assert table.rows == (("empty <search>", "0.250", "0.000", "–"), ("no action", "0.250", "0.250", "–"))
    assert invalid_by_reason({"trained": {"musique": {"a": turns(None)}}}) is None
