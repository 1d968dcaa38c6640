"""Stage `synthesize`: search keys for MuSiQue's training questions and warm-start trajectories."""

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.sources import read_questions
from stepsearch_core.params import Params
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.synthesis.synthesize import synthesize
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/synthesize`."""
    corpus = Corpus.open(DATA / "corpus")
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    questions = read_questions(DATA / "fetch", "musique", "train")
    synthesize(questions, corpus, retriever, params, DATA / "synthesize")


if __name__ == "__main__":
    run("synthesize", main)
