"""Stage `synthesize`: search keys for the training questions and warm-start trajectories."""

from dataclasses import asdict

from stepsearch_core.base.io import write_json
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import fetched_benchmarks, read_questions, training_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import Params
from stepsearch_core.policy.start import starting_tokenizer
from stepsearch_core.policy.tokenizers import training_texts
from stepsearch_core.retrieval.cache import CachedRanker
from stepsearch_core.retrieval.fingerprint import fingerprint
from stepsearch_core.retrieval.index import open_ranker
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.runtime.work_folder import ROOT, WorkFolder
from stepsearch_core.synthesis.sources import open_sources
from stepsearch_core.synthesis.synthesize import synthesize
from tasks.searching import made_by_searching
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Fill `data/synthesize`. Searching takes long: a restart goes on after the last batch of queries.

    What is shown depends on the tokenizer. Where the warm start will train one, another like it stands in:
    that will be trained on what is synthesised as well. To `word` a word is a token all the same; byte pairs
    can differ a little, and with them what just fits. `retriever.json` says what was searched.
    """
    corpus = Corpus.open(DATA / "corpus")
    searched = fingerprint(params.retrieval, DATA / "index", corpus)
    matched = GoldMatches.open(DATA / "corpus")
    questions = list(map(matched, training_questions(DATA / "fetch")))
    texts = training_texts(questions, (), corpus)
    tokenizer = starting_tokenizer(params.model, params.tokenizer, params.environment, texts)
    renderer = Renderer(tokenizer, params.environment)
    with WorkFolder(ROOT, *made_by_searching("synthesize", params)) as work:
        ranker = open_ranker(params.retrieval, DATA / "index", corpus)
        kept = CachedRanker(ranker, work.path / "searches", searched.index)
        retriever = CorpusRetriever(kept, corpus)
        with open_sources(params, DATA / "index", corpus, work.path / "searches", retriever) as sources:
            tested = (
                matched(question)
                for name, split in fetched_benchmarks(DATA / "fetch")
                if split == "test"
                for question in read_questions(DATA / "fetch", name, split)
            )
            synthesize(
                questions,
                corpus,
                retriever,
                renderer,
                params,
                DATA / "synthesize",
                sources=sources,
                held_out=tested,
            )
        write_json(DATA / "synthesize" / "retriever.json", asdict(searched))
        kept.close()
        work.clear()


if __name__ == "__main__":
    run("synthesize", main)
