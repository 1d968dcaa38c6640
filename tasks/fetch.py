"""Stage `fetch`: the profile's benchmark files, generated or given, into `data/fetch`."""

import logging

from stepsearch_core.fetching.fetch import fetch, remarks
from stepsearch_core.params import Params
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/fetch`; say what was dropped or is odd."""
    for remark in remarks(fetch(params.fetch, DATA / "fetch")):
        logging.getLogger("fetch").warning(remark)


if __name__ == "__main__":
    run("fetch", main)
