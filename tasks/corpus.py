"""Stage `corpus`: every distinct passage of the fetched files into `data/corpus`, and which are gold."""

from itertools import chain

from stepsearch_core.benchmarks.gold_matching import GoldMatcher
from stepsearch_core.benchmarks.sources import fetched_examples, fetched_passages, question_passages
from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.params import Params
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/corpus`."""
    fetched = DATA / "fetch"
    gold = GoldMatcher(fetched_examples(fetched), params.corpus)
    build_corpus(
        gold.watch(fetched_passages(params.corpus, fetched)),
        DATA / "corpus",
        gold.write,
        of_questions=chain(gold.watch(question_passages(params.corpus, fetched)), gold.added()),
    )


if __name__ == "__main__":
    run("corpus", main)
