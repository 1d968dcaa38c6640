import pytest
import yaml

from stepsearch_core.metrics.measures import BRIEF, BY_KEY, VALIDATION
from stepsearch_core.report.curves import DIAGNOSTICS, PAPER_CURVES, WARMSTART_CURVES
from stepsearch_core.training.guard import WATCHES
from stepsearch_core.training.statistics import LOGGED, STATISTICS, TERM, logged
from tests.import_graph import ROOT

PLOTTED = "data/train/dvclive/plots/metrics/"


def plots():
    """The entries under `plots` of dvc.yaml, by name."""
    listed = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    return {name: plot for entry in listed for name, plot in entry.items()}


def test_a_name_stands_for_one_thing():
    keys = [*BY_KEY, *(f"{VALIDATION}{key}" for key in BRIEF), *(statistic.key for statistic in STATISTICS)]
    assert list(LOGGED) == keys
    labels = [
        *(measure.label for measure in BY_KEY.values()),
        *(statistic.label for statistic in STATISTICS),
    ]
    assert len(labels) == len(set(labels))
    assert all(named.note for named in LOGGED.values())


def test_what_is_drawn_and_watched_is_logged_under_that_name():
    drawn = {curve.key for curve in (*PAPER_CURVES, *DIAGNOSTICS, *WARMSTART_CURVES)}
    assert drawn <= LOGGED.keys()
    assert {watch.metric for watch in WATCHES} <= LOGGED.keys()


def test_a_reward_of_one_s_own_is_named_by_its_function():
    named = logged(f"{TERM}my.rewards:length_penalty")
    assert (named.label, named.note.split(",")[0]) == ("length_penalty", "my.rewards:length_penalty")
    assert logged("f1") is LOGGED["f1"]
    with pytest.raises(KeyError):
        logged("f2")


@pytest.mark.parametrize("curve", PAPER_CURVES, ids=lambda curve: curve.key)
def test_dvc_plots_the_papers_curves_under_the_same_names(curve):
    name = curve.key.replace("reward/search_key", "search_key_reward")
    file = f"{PLOTTED}{curve.key}.tsv"
    plot = plots()[name]
    assert plot["x"] == {file: "step"}
    assert plot["y"] == {file: curve.key.split("/")[-1]}
    assert plot["title"] == f"{curve.title} over training"
    assert curve.note.startswith(plot["y_label"])


def test_dvc_plots_nothing_else():
    assert len(plots()) == len(PAPER_CURVES)
