"""Stage `corpus`: every distinct passage of the fetched files into `data/corpus`."""

from stepsearch_core.benchmarks.sources import fetched_passages
from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.params import Params
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/corpus`."""
    build_corpus(fetched_passages(params.corpus, DATA / "fetch"), DATA / "corpus")


if __name__ == "__main__":
    run("corpus", main)
