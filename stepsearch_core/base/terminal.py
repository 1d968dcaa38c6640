"""What every command's `main` runs in: whatever the terminal is, it ends no command.

* Text that the terminal's encoding cannot hold is written with ASCII stand-ins (a minus sign as "-"), or
  "?".
* A closed pipe (`stepsearch show | head -0`) ends the command without a word: with 0 if only the end of what
  it had to print was lost, else, in the middle of work, with 141, as shells report a command that SIGPIPE
  ended. So nobody takes an unfinished stage for a success, or a closed pipe for a network that may come
  back.
* Output that cannot be written (a full disk) ends the command with 74 (`EX_IOERR`) and one line, whatever
  the command itself would have ended with.
* Ctrl-C ends the command without a word, with 130.
* A file that may not be written or read, or that is a folder, is one line as well.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

CLOSED_PIPE = 141
"""128 + SIGPIPE."""
INTERRUPTED = 130
"""128 + SIGINT."""

_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR)
_STAND_INS = {"−": "-", "–": "-", "—": "-", "…": "...", "→": "->", "×": "x", "±": "+-", "‘": "'", "’": "'"}
_HANDLER = "stepsearch_terminal"


@contextmanager
def terminal() -> Iterator[None]:
    """A context, or a decorator of a command's `main`; see the module.

    Raises:
        SystemExit: a pipe was closed in the middle of the work, output was lost, or a file may not be used.
    """
    codecs.register_error(_HANDLER, _replace)
    _unwrap()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what tests and notebooks put in its place
            stream.reconfigure(errors=_HANDLER)
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        sys.exit(CLOSED_PIPE)
    except OSError as error:
        if error.filename is not None and error.errno in _REFUSED:
            sys.exit(f"{error.filename2 or error.filename}: {error.strerror}")
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        _end_unwritten(error)
    finally:
        try:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
        except BrokenPipeError:
            _drop_output()
        except OSError as error:
            _end_unwritten(error)


def _unwrap() -> None:
    """Undo what colorama, which DVC starts, puts around stdout: it writes at once and as it pleases."""
    if type(sys.stdout).__module__.startswith("colorama"):
        import colorama

        colorama.deinit()


def _end_unwritten(error: OSError) -> NoReturn:
    _drop_output()
    with suppress(OSError):
        os.write(2, f"output: {error.strerror}\n".encode())
    sys.exit(os.EX_IOERR)


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(sign, "?") for sign in text), error.end


def _drop_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains of the pipe at its very end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError, AttributeError, io.UnsupportedOperation):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
