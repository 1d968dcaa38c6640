"""A small generated world, its corpus and BM25 over it."""

import itertools
from types import SimpleNamespace

import pytest

from stepsearch_core.base.types import Passage
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus, build_corpus, read_corpus_file
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.prompts import MINIMAL
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import FetchParams, RetrievalParams, TokenizerParams, WorldParams
from stepsearch_core.policy.tokenizers import train_tokenizer, training_texts
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever

SIZES = WorldParams(
    people=160, works=160, organisations=60, cities=45, countries=16, train_questions=500, test_questions=12
)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The training questions, the corpus and a retriever over it."""
    folder = tmp_path_factory.mktemp("world")
    fetch(FetchParams(source="world", world=SIZES), folder / "fetch")
    build_corpus(read_corpus_file(folder / "fetch" / "corpus.jsonl"), folder / "corpus")
    corpus = Corpus.open(folder / "corpus")
    retriever = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), folder / "bm25"), corpus)
    questions = read_questions(folder / "fetch", "musique", "train")
    texts = itertools.chain(MINIMAL.vocabulary(), training_texts(questions, (), corpus))
    tokenizer = train_tokenizer(texts, TokenizerParams(), THINK.tags)
    return SimpleNamespace(questions=questions, corpus=corpus, retriever=retriever, tokenizer=tokenizer)


def everything(passages):
    """An environment with room for all."""
    return [passage.id for passage in passages]


class Table:
    """A retriever that knows its answers by heart and remembers what it was asked."""

    def __init__(self, answers, passages=()):
        self.answers = answers
        self.passages = {passage.id: passage for passage in passages}
        self.asked = []

    def search(self, queries, k):
        self.asked.append((list(queries), k))
        return [
            [
                SimpleNamespace(passage=self.passages.get(identifier, Passage(identifier, "", "")))
                for identifier in self.answers.get(query, ())[:k]
            ]
            for query in queries
        ]
