import threading
import time

import pytest

from stepsearch_core.base.errors import ExplainedError
from tasks.scheduling import Job, run_jobs

PLACES = [{"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "1"}]


class Recorded:
    """Jobs that say when they begin and end, and in which place."""

    def __init__(self):
        self.events, self.places, self.lock = [], [], threading.Lock()

    def job(self, name, *after, seconds=0.01, error=None):
        def work(place):
            with self.lock:
                self.events.append(f"+{name}")
                self.places.append(place)
            time.sleep(seconds)
            with self.lock:
                self.events.append(f"-{name}")
            if error:
                raise error
            return "done"

        return Job(name, f"job {name}", work, lambda: None, after)


def test_every_job_runs_once_after_those_before_it():
    made = Recorded()
    ended = run_jobs([made.job("start"), made.job("a", "start"), made.job("b", "start")], PLACES)
    assert {name: of.reason for name, of in ended.items()} == {"start": None, "a": None, "b": None}
    assert made.events[:2] == ["+start", "-start"]
    assert sorted(made.events[2:]) == ["+a", "+b", "-a", "-b"]
    assert ended["start"].seconds >= 0.01


def test_as_many_run_at_once_as_there_are_places_each_in_one_of_its_own():
    gate = threading.Barrier(2, timeout=10)
    seen = []

    def work(place):
        seen.append(place["CUDA_VISIBLE_DEVICES"])
        gate.wait()
        return ""

    jobs = [Job(str(number), "", work, lambda: None) for number in range(4)]
    run_jobs(jobs, [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}])
    assert sorted(seen[:2]) == sorted(seen[2:]) == ["0", "1"]


def test_a_failure_is_named_and_ends_only_what_waits_for_it(capsys):
    made = Recorded()
    broken = made.job("start", error=ExplainedError("no room"))
    ended = run_jobs([broken, made.job("a", "start"), made.job("b")], PLACES)
    assert ended["start"].reason == "no room"
    assert (ended["a"].reason, ended["a"].seconds) == ("not begun, as job start failed", 0.0)
    assert ended["b"].reason is None
    assert "+a" not in made.events
    assert "job start: failed: no room" in capsys.readouterr().out


def test_a_defect_ends_everything_and_stops_what_runs():
    stopped = threading.Event()

    def waits(place):
        assert stopped.wait(10)
        return ""

    def breaks(place):
        raise AssertionError("a defect")

    jobs = [Job("long", "", waits, stopped.set), Job("broken", "", breaks, lambda: None)]
    with pytest.raises(AssertionError, match="a defect"):
        run_jobs(jobs, PLACES)
    assert stopped.is_set()


def test_what_runs_is_stopped_all_at_once():
    begun, gate, ended = threading.Barrier(3), threading.Barrier(2, timeout=10), threading.Event()

    def waits(place):
        begun.wait(10)
        assert ended.wait(10)
        return ""

    def stop():
        gate.wait()  # for the other's
        ended.set()

    def breaks(place):
        begun.wait(10)
        raise AssertionError("a defect")

    jobs = [Job(name, "", waits, stop) for name in ("one", "another")]
    with pytest.raises(AssertionError, match="a defect"):
        run_jobs([*jobs, Job("broken", "", breaks, lambda: None)], [*PLACES, {}])
    assert ended.is_set()


def test_without_jobs_nothing_happens():
    assert run_jobs([], []) == {}
