"""Stage `synthesize`: search keys for MuSiQue's training questions and warm-start trajectories."""

from dataclasses import asdict
from pathlib import Path

from stepsearch_core import retrieval
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.sources import read_questions
from stepsearch_core.params import Params
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.remembered import RememberedSearches
from stepsearch_core.synthesis.synthesize import synthesize
from stepsearch_core.work_folder import ROOT, WorkFolder
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/synthesize`. Searching is what takes long, so a restart goes on after the last batch of queries."""
    corpus = Corpus.open(DATA / "corpus")
    questions = read_questions(DATA / "fetch", "musique", "train")
    searching = {"searches": asdict(params.retrieval), "corpus": corpus.hash}
    code = [path for folder in retrieval.__path__ for path in sorted(Path(folder).glob("*.py"))]
    with WorkFolder(ROOT, searching, [*code, DATA / "index" / "manifest.json"]) as work:
        retriever = open_retriever(params.retrieval, DATA / "index", corpus)
        remembered = RememberedSearches(retriever, corpus, work.path)
        synthesize(questions, corpus, remembered, params, DATA / "synthesize")
        work.clear()


if __name__ == "__main__":
    run("synthesize", main)
