from stepsearch_core.report.breakdown import f1_by_hops


def record(hops, f1, sub_question="Who?"):
    return {"f1": f1, "steps": [{"sub_question": sub_question, "sub_answer": "x"}] * hops}


def test_f1_by_hops_over_all_benchmarks():
    records = {
        "warmstart": {"musique": {"a": record(2, 0.5), "b": record(3, 0.0)}, "bamboogle": {"c": record(2, 0.0)}},
        "trained": {"musique": {"a": record(2, 1.0)}},
    }
    table = f1_by_hops(records)
    assert table.header == ("", "Questions", "Warm start", "Trained")
    assert table.rows == (("2 hops", "2", "0.250", "1.000"), ("3 hops", "1", "0.000", "–"))


def test_questions_without_a_decomposition_have_no_hops():
    assert f1_by_hops({"trained": {"hotpotqa": {"a": record(2, 1.0, sub_question=""), "b": record(0, 1.0)}}}) is None
