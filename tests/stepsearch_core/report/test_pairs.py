from stepsearch_core.report.pairs import pair_rows, pairs_table
from stepsearch_core.report.results import Cell


def test_a_row_for_each_pair_of_each_measure(metrics):
    blocks = pair_rows(metrics)
    assert [measure.label for measure, _ in blocks] == ["F1", "EM"]
    first, *others = blocks[0][1]
    assert first.label == "Trained − Warm start"
    assert first.cells == (Cell("+0.375", "+0.325 to +0.425", "p = 0.0250"),) * 3
    assert [row.label for row in others] == ["Gold questions − Warm start", "Gold questions − Trained"]


def test_what_no_question_of_both_has_is_a_dash(metrics):
    nothing = dict.fromkeys(("value", "low", "high", "p", "p_holm")) | {"n": 0}
    metrics["paired"]["trained - warmstart"]["bamboogle"]["f1"] = nothing
    assert [cell.value for cell in pair_rows(metrics)[0][1][0].cells] == ["+0.375", "–", "+0.375"]


def test_a_pair_of_fewer_questions_than_the_head_says_tells_how_many(metrics):
    metrics["paired"]["gold_questions - trained"]["mean"]["em"]["n"] = 3
    assert pair_rows(metrics)[1][1][2].cells[2].note == "p = 0.0250, n = 3"


def test_the_terminal_has_the_means_with_both_p_values(metrics):
    lines = pairs_table(metrics).splitlines()
    assert lines[:2] == [
        "Mean F1, pairs                                    interval       p  corrected",
        "  Trained − Warm start            +0.375  +0.325 to +0.425  0.0125     0.0250",
    ]
    assert max(map(len, lines)) < 80


def test_metrics_of_an_earlier_version_have_no_pairs(metrics):
    del metrics["paired"]
    assert pair_rows(metrics) == []
    assert pairs_table(metrics) == ""
