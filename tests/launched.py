"""A stage that runs in two ranks and does one of a few things: `python -m tests.launched WHAT`."""

import os
import sys
import time
from datetime import timedelta

import torch.distributed

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.ranks import is_main, rank
from stepsearch_core.learning.distributed import barrier, gather
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.runtime.process_group import join_process_group
from tasks.launch import launch


def say(line):
    """In one piece: `print` writes the end of its line apart, and another rank's words may come between."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def one_fails(params):
    """The second rank finds bad input while the first waits for it."""
    torch.distributed.init_process_group("gloo")
    if os.environ["RANK"] == "1":
        raise DataError("bad line", "there.jsonl", 7)
    torch.distributed.barrier()


def stops(params):
    """An error that explains itself, on both ranks."""
    raise RetrievalError("the retriever is down")


def breaks(params):
    raise RuntimeError(f"a mistake with seed {params.seed}")


def waits(params):
    say(os.getpid())
    time.sleep(600)


def meets(params):
    """Ranks that wait for each other again and again."""
    join_process_group()
    barrier()  # makes the group in which they wait; one that ends before is waited for
    say(os.getpid())
    while True:
        barrier()
        time.sleep(0.05)


def ends(params):
    variables = [os.environ[name] for name in ("RANK", "WORLD_SIZE", "OMP_NUM_THREADS")]
    say("rank {} of {}: {}".format(*variables))


def one_takes_its_time(params):
    """The first rank works for longer than the group's time-out, and the others wait for it."""
    torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=3))
    join_process_group()
    for wait in (barrier, lambda: gather([rank()])):
        wait()
        if is_main():
            time.sleep(8)
        wait()
    say("done")


if __name__ == "__main__":
    launch("stage", globals()[sys.argv[1]], Params(profile="none", seed=3), 2)
