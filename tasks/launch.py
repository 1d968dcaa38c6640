"""A stage's work in several processes: of this machine under torch's launcher, or those that were started.

The stage's own process watches over the ranks and does nothing else: a rank that fails ends the others and
the stage, with the rank's error said once; the ranks die with the stage's process, however it dies.

On several machines one starts the ranks with a launcher made for that, `torchrun` or DeepSpeed's. The stage
is then a rank itself, starts none, and leaves it to the launcher to end the others.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stepsearch_core.base.errors import DataError, ExplainedError
from stepsearch_core.base.ranks import LauncherError, launched, world_size
from stepsearch_core.params import Params, ParamsError
from stepsearch_core.runtime.allowance import cores
from stepsearch_core.runtime.devices import own_device, take_device
from tasks.stage import log_to_stderr

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure


def launch(name: str, work: Callable[[Params], None], params: Params, processes: int) -> None:
    """Run `work(params)` in `processes` ranks; right here if it is to be one, or is one already.

    Args:
        name: the stage's, for logs and errors.
        work: a function at the top of its module.
        params: given to every rank.
        processes: over all machines; with GPUs, rank i of a machine takes the i-th.

    Raises:
        LauncherError: another launcher has started more or fewer; or one of its ranks ended before.
        SystemExit: a rank failed, or a signal ended the launcher; the ranks are gone then.
    """
    if launched() and world_size() != processes:
        raise LauncherError(
            f"{name}.processes is {processes}, but {world_size()} were started: start {processes}, or set"
            f" {name}.processes={world_size()}, so that the parameters say what has run"
        )
    if launched() or processes == 1:
        take_device()
        with _naming_lost_rank():
            work(params)
        return
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # ranks that spin on each other's cores are many times slower; beside GPUs cores search
    threads = max(1, cores() // processes) if own_device() != "cpu" else 1
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    for reported_below in ("torch.distributed.elastic", "torch.multiprocessing"):
        logging.getLogger(reported_below).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix=f"stepsearch-{name}-") as errors:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=errors),
        )
        try:
            elastic_launch(config, _rank)(name, work, params)
        except ChildFailedError as error:
            sys.exit(f"{name}: {_reason(error.failures)}")
        except SignalException as received:
            sys.exit(128 + received.sigval)


@contextmanager
def _naming_lost_rank() -> Iterator[None]:
    """Around a rank's work: when another rank ends, on another machine, this one's connection to it breaks.

    Raises:
        LauncherError: that happened.
    """
    try:
        yield
    except RuntimeError as error:
        from torch.distributed import DistBackendError  # NCCL's

        if "gloo/transport" not in str(error) and not isinstance(error, DistBackendError):
            raise
        raise LauncherError("another rank has ended, and says why where it was started") from None


def _rank(name: str, work: Callable[[Params], None], params: Params) -> None:
    """What each rank runs; torch's launcher takes its exception, if any, to the stage's process."""
    from stepsearch_core.runtime.process_group import leave_process_group

    # comes when the stage's process is gone; waiting is over at once
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log_to_stderr(name)
    take_device()
    work(params)
    leave_process_group()


def _reason(failures: Mapping[int, ProcessFailure]) -> str:
    """One line for an error that explains itself, whichever rank lost its connection; else a traceback."""
    raised: dict[int, Any]  # what torch's launcher types as a string
    raised = {
        rank: failure.message for rank, failure in failures.items() if isinstance(failure.message, dict)
    }
    one_line = {kind.__name__ for kind in _with_subclasses(DataError, ParamsError, ExplainedError)}
    for error in raised.values():
        kind, _, text = error["message"].partition(": ")
        if kind in one_line:
            return text
    rank, failure = min(failures.items(), key=lambda item: item[1].timestamp)
    text = raised[rank]["extraInfo"]["py_callstack"] if rank in raised else failure.message
    return f"rank {rank} failed: {text.rstrip()}"


def _with_subclasses(*kinds: type[Exception]) -> list[type[Exception]]:
    """Those that are imported, as all are that the stage's modules can raise."""
    return [*kinds, *(found for kind in kinds for found in _with_subclasses(*kind.__subclasses__()))]
