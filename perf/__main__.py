"""`python -m perf NAME`: run one measurement on the active profile's results."""

from __future__ import annotations

import argparse

from perf.continued_warmstart import main as continued_warmstart
from perf.pipeline import main as pipeline
from perf.prefect_overhead import main as prefect_overhead

MEASUREMENTS = {"continued_warmstart": continued_warmstart, "pipeline": pipeline, "prefect_overhead": prefect_overhead}


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m perf", description="Run one side-by-side measurement.")
    parser.add_argument(
        "name",
        choices=MEASUREMENTS,
        help="continued_warmstart: the trained policy against supervised training continued for the same wall time; "
        "pipeline: wall time and memory of all stages, then of a run with nothing to do; "
        "prefect_overhead: the flow against plain dvc, both with nothing left to do",
    )
    MEASUREMENTS[parser.parse_args().name]()


if __name__ == "__main__":
    main()
