"""Stage `index`: the indexes that are searched, term statistics and a measured report, into `data/index`."""

import logging
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

from stepsearch_core.base.io import write_json
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import corpus_file_passages, fetched_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import IndexParams, Params, indexes_of
from stepsearch_core.retrieval.building import prepare_encoding
from stepsearch_core.retrieval.coverage import measure_index, verdict
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.retrieval.ready_made import ReadyMade
from stepsearch_core.retrieval.shards import encode_own_shards
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from tasks.index_work import index_work
from tasks.launch import launch
from tasks.stage import DATA, TIMINGS, run


def main(params: Params) -> None:
    """Fill `data/index`."""
    folder, depths = DATA / "index", params.index.measured_depths
    corpus = Corpus.open(DATA / "corpus")
    with index_work(params) as work:
        clock = [time.perf_counter()]
        methods = params.index.measured_methods
        dense = "dense" in indexes_of([params.retrieval.method, *methods])
        made = ready_made(params.index) if dense else None
        if dense and made is None and params.index.processes > 1:
            prepare_encoding(corpus, params.retrieval, DATA, work.path)
            launch("index", partial(encode, work.path), params, params.index.processes)
        build_index(corpus, params.retrieval, folder, work.path, methods, made)
        clock.append(time.perf_counter())
        TfidfSimilarity.build(corpus, folder / "tfidf", params.retrieval.segmenter)
        clock.append(time.perf_counter())
        questions = fetched_questions(DATA / "fetch", params.index.measured_questions)
        gold = GoldMatches.open(DATA / "corpus")
        report, speeds = measure_index(
            params.index, params.retrieval, corpus, folder, questions, gold, work=work.path
        )
        clock.append(time.perf_counter())
        write_json(folder / "report.json", report)
        parts = ("build", "term_statistics", "measure")
        seconds = (round(end - start, 3) for start, end in pairwise(clock))
        timings = dict(zip(parts, seconds, strict=True))
        write_json(TIMINGS / "index.json", timings | {"queries_a_second": speeds})
        work.clear()  # only now: DVC keeps nothing of a stage that was killed before its end
    logging.getLogger("index").info(verdict(report, depths[0], params.retrieval.method))


def ready_made(params: IndexParams) -> ReadyMade | None:
    """The dense index that the parameters name, if they do, with the passages that it should be of."""
    return (
        ReadyMade(Path(params.ready_made), corpus_file_passages(DATA / "fetch"))
        if params.ready_made
        else None
    )


def encode(work: Path, params: Params) -> None:
    """What each rank does: encode its own passages into the folder `work`."""
    encode_own_shards(params.retrieval, Corpus.open(DATA / "corpus"), work)


if __name__ == "__main__":
    run("index", main)
