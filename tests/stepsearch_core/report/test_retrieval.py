from stepsearch_core.report.retrieval import retrieval_tables
from stepsearch_core.report.tables import Table
from tests.report_data import make_index_report


def test_shares_by_query_benchmark_method_and_depth():
    sub_questions, questions, *_ = retrieval_tables(make_index_report(), used="bm25")
    assert sub_questions.header == ("Benchmark", "Method", "Queries", "in the first 2", "in the first 10")
    shares = ("0.749 (0.700 to 0.800)", "0.500 (0.250 to 0.750)")
    assert sub_questions.rows == (  # Bamboogle has no sub-questions
        ("MuSiQue", "BM25 (used)", "8", *shares),
        ("MuSiQue", "Dense", "8", *shares),
    )
    assert [row[:3] for row in questions.rows] == [
        ("MuSiQue", "BM25 (used)", "4"),
        ("MuSiQue", "Dense", "4"),
        ("Bamboogle", "BM25 (used)", "4"),
    ]


def test_gold_passages_and_whatever_else_was_measured():
    report = make_index_report() | {"dense_against_exact": {"3": 0.976}}
    gold, overview, exact = retrieval_tables(report, used="bm25")[2:]
    assert gold.header == (
        *("Benchmark", "Hop", "Supports", "Same content", "Another text", "Added", "Missing"),
        *("not in the first 10 of BM25 (used)", "not in the first 10 of Dense"),
    )
    counts = ("1,500", "1,400", "7", "0", "93")
    assert gold.rows == (
        ("MuSiQue", "1", *counts, "2 of 1,407", "1,234 of 1,407"),
        ("MuSiQue", "all", *counts, "2 of 1,407", "1,234 of 1,407"),
        ("Bamboogle", "all", *counts, "–", "–"),  # it has no sub-questions
    )
    assert overview == Table("", ("", "value"), (("Passages", "1,234"),))
    assert exact == Table("Dense against exact", ("", "value"), (("3", "0.976"),))
