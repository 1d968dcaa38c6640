"""`python -m perf NAME`: run one measurement on the active profile's results."""

from __future__ import annotations

import argparse

from perf.continued_warmstart import main as continued_warmstart

MEASUREMENTS = {"continued_warmstart": continued_warmstart}


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m perf", description="Run one side-by-side measurement.")
    parser.add_argument(
        "name",
        choices=MEASUREMENTS,
        help="continued_warmstart: the trained policy against supervised training continued for the same wall time",
    )
    MEASUREMENTS[parser.parse_args().name]()


if __name__ == "__main__":
    main()
