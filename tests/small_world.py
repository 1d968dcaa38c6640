"""A small generated world, its corpus and BM25 over it."""

import itertools
from types import SimpleNamespace

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


def make(folder):
    """The training questions, the corpus and a retriever over it."""
    fetch(FetchParams(source="world", world=SIZES), folder / "fetch")
    build_corpus(read_corpus_file(folder / "fetch" / "corpus.jsonl"), folder / "corpus")
    corpus = Corpus.open(folder / "corpus")
    retriever = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), folder / "bm25"), corpus)
    questions = read_questions(folder / "fetch", "musique", "train")
    texts = itertools.chain(MINIMAL.vocabulary(), training_texts(questions, (), corpus))
    tokenizer = train_tokenizer(texts, TokenizerParams(), THINK.tags)
    return SimpleNamespace(questions=questions, corpus=corpus, retriever=retriever, tokenizer=tokenizer)
