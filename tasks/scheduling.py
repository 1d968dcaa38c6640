"""Jobs that wait for each other, so many at once: what fails is named, and whatever can goes on."""

from __future__ import annotations

import queue
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter

from tqdm import tqdm

from stepsearch_core.base.errors import DataError, ExplainedError

Environment = Mapping[str, str]
"""Variables of a place."""
FAILURES = (DataError, ExplainedError, OSError, subprocess.CalledProcessError)
"""What ends one job and not the others; anything else is a defect."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that has a place while it runs, and the names of jobs that have to be done before it.

    `work` returns what is to be said of it, and `stop` ends it from another thread.
    """

    name: str
    title: str
    work: Callable[[Environment], str]
    stop: Callable[[], None]
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """How long a job took, and why it failed, if it did."""

    seconds: float
    reason: str | None = None


def run_jobs(jobs: Sequence[Job], places: Sequence[Environment]) -> dict[str, Ended]:
    """Run all jobs, each once, with a bar of how many are done and how long the others will take.

    Args:
        jobs: in the order in which they begin, as far as they need not wait.
        places: an environment for each that runs at once.

    Returns:
        How each ended; one that waited for a failed one was not begun, and took no time.

    Raises:
        KeyboardInterrupt: the command was ended, and with it what ran.
    """
    by_name = {job.name: job for job in jobs}
    order = TopologicalSorter({job.name: job.after for job in jobs})
    order.prepare()
    free: queue.SimpleQueue[Environment] = queue.SimpleQueue()
    for place in places:
        free.put(place)
    ended: dict[str, Ended] = {}
    running: dict[Future[Ended], str] = {}
    with (
        ThreadPoolExecutor(max(1, len(places))) as pool,
        tqdm(total=len(jobs), desc="study", unit="job", smoothing=0) as bar,
    ):
        try:
            while order.is_active():
                for name in order.get_ready():
                    running[pool.submit(_attempt, by_name[name], free, ended, by_name)] = name
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(done)
                    ended[name] = done.result()
                    order.done(name)
                    bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            with ThreadPoolExecutor(len(jobs)) as stopping:  # in threads, which a second Ctrl-C leaves alone
                for name in running.values():
                    stopping.submit(by_name[name].stop)
            raise
    return ended


def _attempt(
    job: Job, free: queue.SimpleQueue[Environment], ended: Mapping[str, Ended], jobs: Mapping[str, Job]
) -> Ended:
    """Do a job in a place that is free, unless one of those before it failed."""
    failed = [name for name in job.after if ended[name].reason is not None]
    if failed:
        return Ended(0.0, f"not begun, as {jobs[failed[0]].title} failed")
    place, began, reason = free.get(), time.monotonic(), None
    try:
        said = job.work(place)
    except FAILURES as error:
        said = reason = str(error)
    finally:
        free.put(place)
    seconds = time.monotonic() - began
    tqdm.write(f"{job.title}: {'failed: ' if reason else ''}{said} ({tqdm.format_interval(seconds)})")
    return Ended(seconds, reason)
