from stepsearch_core.report.results import Cell
from stepsearch_core.studies.learning_speed import cost_table, efficiency_table
from tests.stepsearch_core.studies.analysis_example import HOPS, make_analysis, make_hops, needed


def cells_of(analysis, label):
    ((_, rows),) = efficiency_table(analysis).blocks
    return next(row.cells for row in rows if row.label == label)


def test_what_each_variant_needs_to_come_to_the_goal():
    assert cells_of(make_analysis(), "StePPO") == (
        Cell("0.550", "0.530 to 0.570"),
        Cell("+0.030", "+0.010 to +0.050", "p = 0.0400, detects 0.028"),
        Cell("3,200", "2,560 to 3,840"),
        Cell("0.60", "0.45 to 0.75"),
        Cell("0.62", "0.50 to 0.75"),
        Cell("0.60", "0.45 to 0.75"),
        Cell("0.62", "0.50 to 0.75"),
    )
    assert cells_of(make_analysis(), "Outcome PPO")[1] == Cell("–", "")


def test_some_runs_never_come_there():
    never = cells_of(make_analysis(), "RLOO")
    assert never[2] == Cell("–", "2,560 or more", "never in 2 of 5")
    assert never[3] == Cell("–", "1.05 or more", "never in 2 of 5")


def test_no_run_ever_comes_there():
    analysis = make_analysis()
    analysis["efficiency"][""]["rloo"]["ratio"] = needed(1.0, 0.1, 5)
    assert cells_of(analysis, "RLOO")[3] == Cell("never", "", "never in 5 of 5")


def test_the_goal_is_said():
    topics = [topic for topic, _ in efficiency_table(make_hops()).blocks]
    assert [topic.label for topic in topics] == list(HOPS.values())
    assert topics[0].explanation == "goal: validation F1 0.610, where Outcome PPO ends"


def test_what_was_never_measured_is_a_dash():
    analysis = make_analysis()
    nothing = {"value": None, "low": None, "high": None, "n": 0, "never": 0}
    analysis["efficiency"][""]["steppo"] = {"area": None, "reached": nothing | {"goal": None}}
    assert cells_of(analysis, "StePPO") == (Cell("–", ""),) * 7


def test_cost_of_a_run():
    ((topic, rows), *_) = cost_table(make_analysis()).blocks
    assert topic.label == "All runs"
    assert [cell.value for cell in rows[0].cells] == ["5,120", "225,000", "312"]
    unknown = make_analysis(
        cost={"": {"steppo": {"trajectories": 1.0, "policy_tokens": None, "seconds": 1.0}}}
    )
    assert cost_table(unknown).blocks[0][1][0].cells[1] == Cell("–", "")
