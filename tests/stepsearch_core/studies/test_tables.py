from stepsearch_core.report.results import Cell, Row
from stepsearch_core.studies.tables import (
    Grid,
    Topic,
    against,
    bounds,
    cell,
    compared,
    in_brackets,
    labels,
    of_setting,
    rows_of,
    subject,
)
from tests.stepsearch_core.studies.analysis_example import make_ablation, make_analysis


def test_a_cell_has_its_interval_and_a_dash_where_there_is_no_value():
    assert cell({"value": 0.5, "low": 0.25, "high": 0.75}, 2) == Cell("0.50", "0.25 to 0.75")
    assert cell({"value": -0.5, "low": None, "high": None}, 2, True, "n = 1") == Cell("−0.50", "", "n = 1")
    assert cell(None, 2) == Cell("–", "")
    assert bounds({"value": 1.0, "low": 0.5, "high": None}, 2) == ""


def test_small_print_stands_in_brackets():
    assert in_brackets(Cell("1", "0 to 2", "p = 1")) == "1 (0 to 2; p = 1)"
    assert in_brackets(Cell("1", "")) == "1"


def test_a_grid_is_a_plain_table_a_block():
    rows = (Row("variant", "one", (Cell("1", "0 to 2"), Cell("–", ""))),)
    grid = Grid(
        "Speed", (("Area", "mean"), ("Ratio", "")), ((Topic("2 hops", ""), rows), (Topic("", ""), ()))
    )
    first, second = grid.tables()
    assert first.title == "Speed. 2 hops"
    assert first.header == ("", "Area (mean)", "Ratio")
    assert first.rows == (("one", "1 (0 to 2)", "–"),)
    assert (second.title, second.rows) == ("Speed", ())


def test_what_has_no_label_is_called_by_its_name():
    assert labels([{"name": "a", "label": "A"}, {"name": "b", "label": ""}]) == {"a": "A", "b": "b"}
    assert of_setting("Results", "") == "Results"
    assert of_setting("Results", "2 hops") == "Results: 2 hops"


def test_what_a_study_is_about():
    methods, ablation = make_analysis(), make_ablation()
    assert (subject(methods), compared(methods)) == ("steppo", "steppo")
    assert (subject(ablation), compared(ablation)) == (None, "without_key_reward")
    alone = methods | {"variants": methods["variants"][1:2]}
    assert (subject(alone), compared(alone)) == (None, None)


def test_a_long_label_does_not_fill_the_heads():
    analysis = make_analysis()
    assert against(analysis) == "Outcome PPO"
    analysis["variants"][1]["label"] = "Outcome PPO as Search-R1 has it"
    assert against(analysis) == "the baseline"


def test_subject_and_baseline_are_rows_of_their_own_kinds():
    rows = rows_of(make_analysis(), {name: [] for name in ("ppo", "steppo", "grpo")})
    assert [(row.key, row.label) for row in rows] == [
        ("baseline", "Outcome PPO"),
        ("subject", "StePPO"),
        ("variant", "GRPO"),
    ]
