import pytest

from stepsearch_core.cli import main
from stepsearch_core.commands import compare
from tests.import_graph import ROOT


@pytest.fixture
def started(monkeypatch):
    """What is started in place of this process; none is."""
    found: list[list[str]] = []
    monkeypatch.setattr(compare.os, "execv", lambda program, arguments: found.append(arguments[1:]))
    return found


def test_the_study_is_run_by_what_runs_dvc(monkeypatch, started):
    monkeypatch.chdir(ROOT)
    main(["compare", "methods", "--jobs", "3", "--plan"])
    assert started == [["-m", "tasks.compare", "methods", "--jobs", "3", "--plan"]]


def test_without_a_name_it_says_which_there_are(monkeypatch, capsys, started):
    monkeypatch.chdir(ROOT)
    main(["compare"])
    assert "methods: Reinforcement learning methods\n" in capsys.readouterr().out
    assert started == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no study 'nothing'; there are: ablation, hops"),
        (["methods", "--jobs", "0"], "--jobs: 0 is not at least 1"),
    ],
)
def test_bad_arguments_are_one_line(monkeypatch, started, arguments, message):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match=message):
        main(["compare", *arguments])
    assert started == []


def test_outside_of_a_checkout_it_says_so(monkeypatch, started, tmp_path):
    studies = tmp_path / "conf" / "studies"
    studies.mkdir(parents=True)
    (studies / "one.yaml").write_text("baseline: a\nvariants: {a: {}}\nreplicates: [[seed=0]]\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="no checkout here"):
        main(["compare", "one"])
