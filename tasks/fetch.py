"""Stage `fetch`: the profile's benchmark files, generated or given, into `data/fetch`."""

from stepsearch_core.data.fetch import fetch
from stepsearch_core.params import Params
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/fetch`."""
    fetch(params.fetch, DATA / "fetch")


if __name__ == "__main__":
    run("fetch", main)
