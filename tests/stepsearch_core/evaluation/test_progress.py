from functools import partial
from typing import Any

import pytest
from tqdm import tqdm

from stepsearch_core.evaluation import progress as module
from stepsearch_core.evaluation.progress import Progress


@pytest.fixture
def shown(monkeypatch):
    """Bars that show every count, whatever the environment says of bars."""
    monkeypatch.setattr(module, "tqdm", partial(tqdm, mininterval=0, disable=False))


@pytest.mark.usefixtures("shown")
def test_it_counts_to_the_end_with_what_was_spared(capsys):
    progress = Progress(10)
    progress.spare(3)
    assert "3/10" in capsys.readouterr().err
    with progress.playing("warmstart", 4, 4) as ended:
        ended()
        assert "4/10" in capsys.readouterr().err
    assert "7/10" in capsys.readouterr().err
    with progress.playing("trained", 3, 3) as ended:
        for _ in range(5):
            ended()
    last = capsys.readouterr().err
    assert "trained" in last
    assert "10/10" in last
    assert last.endswith("\n")  # closed


@pytest.mark.usefixtures("shown")
def test_what_was_spared_says_nothing_about_the_time_of_the_rest(capsys):
    """90 in no time, then one in two seconds: the nine others take eighteen."""
    progress = Progress(100)
    bar: Any = progress._bar
    bar._time = lambda: bar.start_t + 2.0
    progress.spare(90)
    with progress.playing("trained", 10, 10) as ended:
        ended()
        assert "91/100 [00:02<00:18" in capsys.readouterr().err


@pytest.mark.usefixtures("shown")
def test_of_several_ranks_one_shows_it_and_counts_for_all(monkeypatch, capsys):
    progress = Progress(5)
    with progress.playing("trained", 5, 2) as ended:
        ended()
        assert "2/5" in capsys.readouterr().err
        ended()
        assert "5/5" in capsys.readouterr().err
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    progress = Progress(1)
    with progress.playing("trained", 1, 0):
        pass
    progress.spare(1)


def test_bars_that_are_off_are_no_hindrance(monkeypatch, capsys):
    monkeypatch.setattr(module, "tqdm", partial(tqdm, disable=True))
    progress = Progress(2)
    progress.spare(1)
    with progress.playing("trained", 1, 1) as ended:
        ended()
    assert capsys.readouterr().err == ""
