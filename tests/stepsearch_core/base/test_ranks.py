import pytest

from stepsearch_core.base.ranks import (
    LauncherError,
    is_first_here,
    is_main,
    launched,
    local_rank,
    local_size,
    rank,
    world_size,
)

SET = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in SET:
        monkeypatch.delenv(name, raising=False)


def test_a_process_alone_is_rank_0_of_1():
    assert (launched(), rank(), local_rank(), world_size()) == (False, 0, 0, 1)
    assert is_main()
    assert is_first_here()


@pytest.mark.parametrize(
    ("number", "local", "main", "first_here"),
    [("0", "0", True, True), ("1", "1", False, False), ("2", "0", False, True)],
)
def test_one_rank_is_the_first_and_one_of_each_machine(monkeypatch, number, local, main, first_here):
    for name, value in (SET | {"RANK": number, "LOCAL_RANK": local}).items():
        monkeypatch.setenv(name, value)
    assert (launched(), rank(), world_size()) == (True, int(number), 4)
    assert (is_main(), is_first_here()) == (main, first_here)


@pytest.mark.parametrize("missing", SET)
def test_a_launcher_that_says_half_of_it_is_refused(monkeypatch, missing):
    for name in SET.keys() - {missing}:
        monkeypatch.setenv(name, SET[name])
    with pytest.raises(LauncherError, match=rf"the environment lacks {missing} of RANK, LOCAL_RANK,"):
        launched()


@pytest.mark.parametrize("variable", ["LOCAL_WORLD_SIZE", "LOCAL_SIZE"])
def test_either_launcher_says_how_many_ranks_a_machine_has(monkeypatch, variable):
    assert local_size() == 1
    monkeypatch.setenv(variable, "4")
    assert local_size() == 4
