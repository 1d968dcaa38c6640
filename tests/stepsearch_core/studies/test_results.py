from stepsearch_core.report.results import Cell
from stepsearch_core.studies.results import difference_cell, main_tables, published_block
from tests.stepsearch_core.studies.analysis_example import (
    HOPS,
    METHODS,
    make_ablation,
    make_analysis,
    make_hops,
)


def rows_by_topic(grid):
    return {topic.label: {row.label: row for row in rows} for topic, rows in grid.blocks}


def test_scores_and_differences_stand_below_each_other():
    (grid,) = main_tables(make_analysis())
    assert [name for name, _ in grid.heads] == ["MuSiQue", "2Wiki", "HotpotQA", "Bamboogle", "Mean"]
    rows = rows_by_topic(grid)
    assert list(rows) == [
        "F1",
        "F1: difference to Outcome PPO",
        "EM",
        "EM: difference to Outcome PPO",
        "EM / F1, Reinforcement learning methods (Table 2)",
    ]
    assert len(rows["F1"]) == 1 + len(METHODS)
    assert rows["F1"]["Warm start"].cells[-1] == Cell("0.200", "0.180 to 0.220")
    assert rows["EM"]["StePPO"].cells[0] == Cell("0.410", "0.390 to 0.430")
    assert rows["F1: difference to Outcome PPO"]["StePPO"].cells[-1] == Cell(
        "+0.025", "+0.005 to +0.045", "p = 0.0400, detects 0.028"
    )
    assert "Outcome PPO" not in rows["F1: difference to Outcome PPO"]


def test_every_setting_has_a_table_and_the_papers_figures_stand_once():
    grids = main_tables(make_hops())
    assert [grid.title for grid in grids] == [f"Answer quality: {label}" for label in HOPS.values()]
    assert [len(grid.blocks) for grid in grids] == [5, 4, 4]


def test_what_the_paper_has_of_the_same_methods():
    ((topic, rows),) = published_block(make_analysis())
    assert [row.label for row in rows] == [
        *("StePPO, 3B", "PPO, 3B", "GRPO, 3B", "StePPO, 7B", "PPO, 7B", "GRPO, 7B")
    ]
    assert "not comparable" in topic.explanation
    assert [cell.value for cell in rows[0].cells] == [
        *("0.181 / 0.273", "0.339 / 0.395", "0.329 / 0.434", "0.328 / 0.419"),
        "0.294 / 0.380",  # (.181 + .339 + .329 + .328) / 4 and (.273 + .395 + .434 + .419) / 4
    ]
    ((topic, rows),) = published_block(make_ablation())
    assert topic.label == "EM / F1, Ablation (Table 3)"
    assert "without key reward, 7B" in [row.label for row in rows]


def test_without_a_name_in_the_paper_there_is_nothing_of_it():
    analysis = make_analysis()
    for entry in analysis["variants"]:
        entry.pop("published", None)
    assert list(published_block(analysis)) == []


def test_the_papers_mean_is_over_the_same_benchmarks_or_none():
    analysis = make_analysis(columns=["musique", "qa", "mean"])
    ((_, rows),) = published_block(analysis)
    assert [cell.value for cell in rows[0].cells] == ["0.181 / 0.273", "–", "–"]


def test_a_variant_with_fewer_replicates_says_so():
    analysis = make_analysis()
    for measures in analysis["scores"][""]["grpo"].values():
        measures["f1"]["n"] = 3
    rows = rows_by_topic(main_tables(analysis)[0])["F1"]
    assert rows["GRPO"].cells[0].note == "n = 3"
    assert rows["RLOO"].cells[0].note == rows["Warm start"].cells[0].note == ""


def test_a_variant_without_the_baselines_replicates_has_no_difference():
    analysis = make_analysis()
    del analysis["differences"][""]["grpo"]
    analysis["differences"][""]["rloo"]["mean"]["f1"] = {"value": None, "low": None, "high": None}
    rows = rows_by_topic(main_tables(analysis)[0])["F1: difference to Outcome PPO"]
    assert "GRPO" not in rows
    assert rows["RLOO"].cells[-1] == Cell("–", "")
    assert difference_cell(None, 3) == Cell("–", "")


def test_a_difference_of_one_replicate_has_no_test():
    found = {"value": 0.1, "low": 0.05, "high": 0.15, "p": None, "p_holm": None, "detectable": None}
    assert difference_cell(found, 2) == Cell("+0.10", "+0.05 to +0.15")
