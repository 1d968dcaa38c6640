from functools import partial

import pytest
from tqdm import tqdm

from stepsearch_core.evaluation import progress as module
from stepsearch_core.evaluation.progress import Progress


@pytest.fixture
def shown(monkeypatch):
    """Bars that show every count, whatever the environment says of bars."""
    monkeypatch.setattr(module, "tqdm", partial(tqdm, mininterval=0, disable=False))


@pytest.mark.usefixtures("shown")
def test_it_counts_to_the_end_whatever_is_spared_or_asked_in_vain(capsys):
    progress = Progress(10)
    progress.spare(3)
    with progress.playing("trained on musique", 4) as ended:
        ended()  # the other three were too long to be asked
    assert "trained on musique" in capsys.readouterr().err
    with progress.playing("trained on bamboogle", 3) as ended:
        for _ in range(5):
            ended()
    last = capsys.readouterr().err
    assert "7/7" in last
    assert last.endswith("\n")  # closed


@pytest.mark.usefixtures("shown")
def test_of_several_ranks_one_shows_it_and_counts_for_all(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    progress = Progress(5)
    with progress.playing("trained on musique", 5) as ended:
        ended()
        ended()
        assert "4/5" in capsys.readouterr().err
    assert "5/5" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    progress = Progress(1)
    with progress.playing("trained on musique", 1) as ended:
        ended()
    assert capsys.readouterr().err == ""
