"""A function in a process of its own: its crash, its hang or a lack of memory ends nobody else.

What it raises, what it prints, and what native code says when it aborts are kept as the reason.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepsearch_core.base.io import read_json, write_json

_TRACE = 12
"""Lines of a traceback, or of what the process printed, that are kept."""
_LONGEST = 400
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a process: a value, or `reason` and the end of the traceback."""

    seconds: float
    value: Any = None
    error: str = ""
    """The name of the exception's class; empty where the process ended well or without one."""
    reason: str = ""
    trace: str = ""
    memory: int = 0
    """Bytes of main memory at most; 0 of a process that did not say."""
    gpu_memory: int = 0
    """Bytes of GPU memory at most, as torch counts them."""

    @property
    def failed(self) -> bool:
        """Whether there is a reason instead of a value."""
        return bool(self.reason)


class Apart:
    """A call of a function that runs beside this process, from now on."""

    def __init__(self, function: str, **arguments: Any) -> None:
        """Start it.

        Args:
            function: `package.module:function`; its value is what JSON can hold.
            arguments: given to it by name, as JSON.
        """
        self._folder = TemporaryDirectory(prefix="stepsearch-")
        self._answer, self._printed = (Path(self._folder.name) / name for name in ("answer", "printed"))
        self._started = time.monotonic()
        command = [sys.executable, "-m", __name__, function, str(self._answer), json.dumps(arguments)]
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closed when this process is gone, however it goes
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that whatever it starts can be ended with it
            )

    def ending(self, limit: float) -> Ending:
        """Wait for its end, which is no later than `limit` seconds after its start."""
        try:
            late = not self._over_within(limit - (time.monotonic() - self._started))
            seconds = time.monotonic() - self._started
            code = self._stop()
            answer = read_json(self._answer) if self._answer.is_file() else {}
            if problem := f"not done after {limit:.0f} s" if late else _problem(code):
                answer["reason"] = f"{answer.get('reason') or 'all was done, but then'}: {problem}"
                if not answer.keys() & {"value", "trace"}:
                    answer["reason"] = problem
                    answer["trace"] = _tail(self._printed.read_text(encoding="utf-8", errors="replace"))
            return Ending(seconds, **answer)
        finally:
            self.end()

    def end(self) -> None:
        """End the process and all that it has started, and forget what it said."""
        self._stop()
        self._folder.cleanup()

    def _over_within(self, seconds: float) -> bool:
        """Wait without collecting the process: until then its number, which `_stop` uses, is no other's."""
        descriptor = os.pidfd_open(self._process.pid)
        try:
            return bool(select.select([descriptor], [], [], max(0.0, seconds))[0])
        finally:
            os.close(descriptor)

    def _stop(self) -> int:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin:
            self._process.stdin.close()
        return self._process.wait()


def _problem(code: int) -> str:
    """What is wrong with a process that ended with this code."""
    if code < 0:
        return f"the process was ended by {signal.Signals(-code).name}{_WHY.get(-code, '')}"
    return f"the process exited with {code}" if code else ""


_WHY: dict[int, str] = {
    signal.SIGKILL: " (out of memory, most likely)",
    signal.SIGILL: " (not built for this processor)",
}


def main() -> None:
    """Call the function and write what it returned or raised."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    name, answer, arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    said: dict[str, Any]
    try:
        said = {"value": getattr(importlib.import_module(module), function)(**json.loads(arguments))}
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        trace = _tail("".join(traceback.format_exception(error)))
        said = {"error": type(error).__name__, "reason": reason, "trace": trace}
    write_json(answer, said | _peaks())


def _end_with_parent() -> None:
    """Wait until nobody can say anything to this process any more, then end it with all that it started."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def _peaks() -> dict[str, int]:
    peaks = {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        peaks["gpu_memory"] = torch.cuda.max_memory_allocated()
    return peaks


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-_TRACE:])


if __name__ == "__main__":
    main()
