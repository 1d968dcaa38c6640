"""The `stepsearch` command: profiles, checks and plans; a policy is promoted, asked or served, and so are
searches.

`dvc repro` computes.
"""

from __future__ import annotations

import argparse
import sys

from stepsearch_core.base.errors import DataError, ExplainedError
from stepsearch_core.base.terminal import terminal
from stepsearch_core.commands import (
    ask,
    compare,
    cost,
    doctor,
    export,
    profiles,
    results,
    selftest,
    serve,
    serve_retriever,
)
from stepsearch_core.params import ParamsError

COMMANDS = (results, export, profiles, compare, cost, doctor, selftest, ask, serve, serve_retriever)


@terminal()
def main(arguments: list[str] | None = None) -> None:
    """Run one command; bad parameters and missing results exit with 1 and one line."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (DataError, ParamsError, ExplainedError) as error:
        sys.exit(f"stepsearch: {error}")
    except ImportError as error:  # of a package: what the project itself has, it can import
        sys.exit(f"stepsearch: a package cannot be imported: {error}; `stepsearch doctor` says what to type")


def parser() -> argparse.ArgumentParser:
    """What takes the command line; each command's `run` takes the options."""
    taking = argparse.ArgumentParser(prog="stepsearch", description=__doc__)
    commands = taking.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return taking


if __name__ == "__main__":
    main()
