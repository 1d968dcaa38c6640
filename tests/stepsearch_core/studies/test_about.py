from stepsearch_core.report.results import Cell
from stepsearch_core.studies.about import missing_table, provenance_tables, study_tables, tuning_table
from tests.report_data import HOSTILE
from tests.stepsearch_core.studies.analysis_example import make_analysis, make_hops


def test_the_whole_grid_with_the_chosen_point():
    grid = tuning_table(make_analysis())
    assert grid is not None
    assert grid.heads == (("Validation F1", "mean"), ("Replicate 1", ""), ("Replicate 2", ""))
    topic, rows = grid.blocks[0]
    assert topic.explanation == "chosen: train.learning_rate=0.001, train.kl_weight=0.0"
    assert [row.key for row in rows] == ["point", "point", "chosen", "point", "point", "point"]
    assert rows[2].label == "train.learning_rate=0.001, train.kl_weight=0.0"
    assert rows[2].cells == (Cell("0.510", "", "chosen"), Cell("0.500", ""), Cell("0.520", ""))


def test_points_with_fewer_scores_have_dashes():
    analysis = make_analysis()
    analysis["tuning"]["steppo"]["grid"][0] |= {"score": None, "scores": []}
    analysis["tuning"]["steppo"]["chosen"] = None
    grid = tuning_table(analysis)
    assert grid is not None
    assert grid.blocks[0][0].explanation == "none chosen: some points have no score"
    assert [cell.value for cell in grid.blocks[0][1][0].cells] == ["–", "–", "–"]


def test_without_tuning_there_is_no_table():
    assert tuning_table(make_analysis(tuning={})) is None


def test_missing_runs_have_their_reason():
    table = missing_table(make_analysis())
    assert table is not None
    assert table.rows[0][1:] == ("", "5", HOSTILE)
    assert missing_table(make_analysis(missing=[])) is None


def test_what_variants_and_settings_change():
    (variants,) = study_tables(make_analysis())
    assert variants.rows[:2] == (("StePPO", "nothing", "5"), ("Outcome PPO", "train.algorithm=ppo", "5"))
    assert [table.title for table in study_tables(make_hops())] == ["Variants", "Settings"]


def test_provenance_shows_hashes_by_their_beginnings():
    first, data, packages = provenance_tables(make_analysis())
    assert first.rows == (("Commit", "aaaaaaaaaaaa…"),)
    assert ("MuSiQue", "cccccccccccc…") in data.rows
    assert packages.title == "Packages"
    assert provenance_tables(make_analysis(provenance={})) == []
