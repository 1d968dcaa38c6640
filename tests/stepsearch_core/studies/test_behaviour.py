from stepsearch_core.report.results import BEHAVIOUR_MEASURES, Cell
from stepsearch_core.studies.behaviour import BEHAVIOUR, behaviour_by_benchmark, behaviour_table, explained
from tests.stepsearch_core.studies.analysis_example import make_analysis, make_hops


def test_the_mean_over_benchmarks_a_column_a_measure():
    grid = behaviour_table(make_analysis())
    (_, rows), (topic, differences) = grid.blocks
    assert [name for name, _ in grid.heads] == [measure.label for measure in BEHAVIOUR]
    assert [row.label for row in rows[:2]] == ["Warm start", "StePPO"]
    assert rows[1].cells[:2] == (Cell("3.10", "3.05 to 3.15"), Cell("0.810", "0.790 to 0.830"))
    assert topic.label == "All runs, minus Outcome PPO"
    assert [row.label for row in differences] == [
        row.label for row in rows[1:] if row.label != "Outcome PPO"
    ]
    assert len(behaviour_table(make_hops()).blocks) == 6


def test_a_difference_comes_with_its_interval_and_p_value():
    found = {"value": 0.25, "low": 0.2, "high": 0.3, "p_holm": 0.02, "detectable": 0.06}
    analysis = make_analysis(differences={"": {"steppo": {"mean": {"support_recall": found}}}})
    (row,) = behaviour_table(analysis).blocks[1][1]
    assert row.cells[:2] == (
        Cell("–", ""),
        Cell("+0.250", "+0.200 to +0.300", "p = 0.0200"),
    )


def test_by_benchmark_a_block_a_measure():
    (grid,) = behaviour_by_benchmark(make_analysis())
    assert [topic.label for topic, _ in grid.blocks] == [measure.label for measure in BEHAVIOUR_MEASURES]
    assert all(row.cells == (Cell("–", ""),) * 5 for row in dict(grid.blocks)[grid.blocks[-1][0]])
    assert len(behaviour_by_benchmark(make_hops())) == 3
    assert not behaviour_by_benchmark(make_analysis(columns=["musique", "mean"]))


def test_without_a_warm_start_there_are_dashes():
    (_, rows), _ = behaviour_table(make_analysis(start={"": {}})).blocks
    assert rows[0].cells == (Cell("–", ""),) * len(BEHAVIOUR)


def test_columns_are_explained():
    assert "Redundancy: share of returned passages that an earlier search had returned" in explained()
    assert "lower is better" in explained()
