"""Stage `synthesize`: search keys for MuSiQue's training questions and warm-start trajectories."""

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.sources import read_questions
from stepsearch_core.params import Params
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.remembered import RememberedSearches
from stepsearch_core.synthesis.synthesize import synthesize
from stepsearch_core.work_folder import ROOT, WorkFolder
from tasks.made_by import made_by
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/synthesize`. Searching is what takes long, so a restart goes on after the last batch of queries."""
    corpus = Corpus.open(DATA / "corpus")
    questions = read_questions(DATA / "fetch", "musique", "train")
    with WorkFolder(ROOT, *made_by("synthesize", params)) as work:
        retriever = open_retriever(params.retrieval, DATA / "index", corpus)
        remembered = RememberedSearches(retriever, corpus, work.path)
        synthesize(questions, corpus, remembered, params, DATA / "synthesize")
        work.clear()


if __name__ == "__main__":
    run("synthesize", main)
