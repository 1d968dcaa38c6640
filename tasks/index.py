"""Stage `index`: the indexes that are searched, term statistics and a measured report, into `data/index`."""

import logging
import time
from itertools import pairwise

from stepsearch_core.base.io import write_json
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import fetched_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params
from stepsearch_core.retrieval.coverage import measure_index, verdict
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.runtime.work_folder import ROOT, WorkFolder
from tasks.made_by import made_by
from tasks.stage import DATA, TIMINGS, run


def main(params: Params) -> None:
    """Fill `data/index`."""
    folder, depths = DATA / "index", params.index.measured_depths
    corpus = Corpus.open(DATA / "corpus")
    with WorkFolder(ROOT, *made_by("index", params)) as work:
        clock = [time.perf_counter()]
        build_index(corpus, params.retrieval, folder, work.path, params.index.measured_methods)
        clock.append(time.perf_counter())
        TfidfSimilarity.build(corpus, folder / "tfidf", params.retrieval.segmenter)
        clock.append(time.perf_counter())
        questions = fetched_questions(DATA / "fetch", params.index.measured_questions)
        gold = GoldMatches.open(DATA / "corpus")
        report = measure_index(params.index, params.retrieval, corpus, folder, questions, gold)
        clock.append(time.perf_counter())
        write_json(folder / "report.json", report)
        seconds = [round(end - start, 3) for start, end in pairwise(clock)]
        write_json(
            TIMINGS / "index.json", dict(zip(("build", "term_statistics", "measure"), seconds, strict=True))
        )
        work.clear()  # only now: DVC keeps nothing of a stage that was killed before its end
    logging.getLogger("index").info(verdict(report, depths[0], params.retrieval.method))


if __name__ == "__main__":
    run("index", main)
