"""Stage `synthesize`: search keys for MuSiQue's training questions and warm-start trajectories."""

import itertools
from collections.abc import Sequence

from stepsearch_core.base.types import Question
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import Params
from stepsearch_core.policy.models import load_tokenizer
from stepsearch_core.policy.tokenizers import train_tokenizer, training_texts
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.remembered import RememberedSearches
from stepsearch_core.runtime.work_folder import ROOT, WorkFolder
from stepsearch_core.synthesis.synthesize import synthesize
from tasks.made_by import made_by
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/synthesize`. Searching is what takes long, so a restart goes on after the last batch of
    queries.
    """
    corpus = Corpus.open(DATA / "corpus")
    questions = read_questions(DATA / "fetch", "musique", "train")
    with WorkFolder(ROOT, *made_by("synthesize", params)) as work:
        retriever = open_retriever(params.retrieval, DATA / "index", corpus)
        remembered = RememberedSearches(retriever, corpus, work.path)
        synthesize(
            questions, corpus, remembered, _renderer(params, questions, corpus), params, DATA / "synthesize"
        )
        work.clear()


def _renderer(params: Params, questions: Sequence[Question], corpus: Corpus) -> Renderer:
    """With the policy's tokenizer, or one like that which the warm start will train.

    That will be trained on what is synthesised as well. To `word` a word is a token all the same; byte pairs
    can differ a little, and with them what just fits.
    """
    if params.model.source:
        return Renderer(load_tokenizer(params.model.source), params.environment)
    style = STYLES[params.environment.prompt]
    texts = itertools.chain(style.vocabulary(), training_texts(questions, (), corpus))
    return Renderer(train_tokenizer(texts, params.tokenizer, style.grammar.tags), params.environment)


if __name__ == "__main__":
    run("synthesize", main)
