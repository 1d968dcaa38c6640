import subprocess
import sys
import time

import psutil
import pytest

from stepsearch_core.doctor.apart import Apart
from tests.import_graph import ROOT

PARTS = "tests.stepsearch_core.doctor.parts"


def ending(name, limit=30.0, **arguments):
    return Apart(f"{PARTS}:{name}", **arguments).ending(limit)


def test_what_it_returns_comes_back_with_what_it_took():
    ended = ending("doubled", number=4)
    assert (ended.value, ended.failed, ended.reason) == ({"twice": 8}, False, "")
    assert ended.memory > 5_000_000
    assert ended.seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "error", "reason", "traced"),
    [
        ("refused", "ValueError", "no such thing in /", "ValueError: no"),
        ("exiting", "SystemExit", "the library gave up", "the library gave up"),
        ("killed", "", "the process was ended by SIGKILL (out of memory, most likely)", ""),
        ("aborted", "", "the process was ended by SIGABRT", "native code: assertion failed"),
        ("missing", "AttributeError", "has no attribute 'missing'", "AttributeError"),
    ],
)
def test_each_way_to_fail_is_a_reason(name, error, reason, traced):
    ended = ending(name)
    assert ended.failed
    assert ended.error == error
    assert reason in ended.reason
    assert "\n" not in ended.reason
    assert traced in ended.trace


def test_what_fails_at_its_very_end_has_failed():
    ended = ending("aborted_at_exit")
    assert (ended.value, ended.reason) == (1, "all was done, but then: the process was ended by SIGABRT")


@pytest.mark.slow
def test_a_hang_ends_with_all_that_it_has_started(tmp_path):
    file = tmp_path / "pids"
    asked = Apart(f"{PARTS}:sleeping", file=str(file))
    while not file.is_file() or not file.read_text():
        time.sleep(0.05)
    ended = asked.ending(0.5)
    assert ended.reason.startswith("not done after 0 s") or ended.reason.startswith("not done after 1 s")
    assert all_end(list(map(int, file.read_text().split())))


def test_it_ends_with_the_process_that_started_it_however_that_ends(tmp_path):
    file = tmp_path / "pids"
    code = (
        f"from stepsearch_core.doctor.apart import Apart\n"
        f"Apart('{PARTS}:sleeping', file={str(file)!r}).ending(60.0)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not file.is_file() or not file.read_text():
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    assert all_end(list(map(int, file.read_text().split())))


def all_end(pids):
    """Whether none of these processes lives any more, at once or after a while."""
    gone = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < gone:
        time.sleep(0.05)
    return not any(map(alive, pids))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_several_run_side_by_side():
    asked = [Apart(f"{PARTS}:doubled", number=number) for number in range(3)]
    assert [one.ending(30.0).value["twice"] for one in asked] == [0, 2, 4]
    asked[0].end()  # once more does no harm
