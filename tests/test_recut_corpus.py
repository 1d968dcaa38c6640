"""A corpus cut in another way than the benchmarks' paragraphs: what is gold is one thing to all who ask."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.means import mean
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import fetched_examples, read_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.ceilings import ask_in_order, gold_questions
from stepsearch_core.metrics.search import support_recall
from stepsearch_core.policy.start import starting_tokenizer
from stepsearch_core.policy.tokenizers import training_texts
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import score
from stepsearch_core.synthesis.questions import load_questions
from stepsearch_core.synthesis.synthesize import synthesize
from stepsearch_core.worlds.world import write_world
from tasks import corpus, fetch, index
from tasks import synthesize as synthesize_stage
from tests.checkout import link_checkout
from tests.profiles import profile
from tests.stepsearch_core.benchmarks.rows_of_formats import write_jsonl

pytestmark = pytest.mark.slow
CHUNK_WORDS = 16
"""A paragraph of the world has 11 words: most chunks hold one and a part of the next."""


def cut_anew(path: Path) -> None:
    """Write a corpus file with all text of a title in chunks of equally many words and a number."""
    texts = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        texts[row["title"]] += row["text"].split()
    chunks = [
        (title, words[start : start + CHUNK_WORDS])
        for title, words in texts.items()
        for start in range(0, len(words), CHUNK_WORDS)
    ]
    rows = (
        {"id": str(number), "title": title, "text": f"{' '.join(words)} [{number}]"}
        for number, (title, words) in enumerate(chunks)
    )
    write_jsonl(path, *rows)


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """The world of micro over chunks, with its corpus and index, as the current folder."""
    folder = link_checkout(tmp_path_factory.mktemp("recut"))
    made = profile(
        "micro",
        "corpus.include_benchmarks=false",
        "index.measured_methods=[bm25]",
        "synthesize.sources=[bm25]",
    )
    write_world(made.fetch.world, folder / "world")
    cut_anew(folder / "world" / "corpus.jsonl")
    files = {path.name.partition(".")[0]: path.name for path in (folder / "world").iterdir()}
    made.fetch = replace(made.fetch, source="files", folder="world", files=files)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch, corpus, index):
            stage.main(made)
        yield made


@pytest.fixture(scope="module")
def parts(params):
    """Corpus, retriever and renderer."""
    chunks = Corpus.open("data/corpus")
    questions = read_questions("data/fetch", "musique", "train")
    texts = training_texts(questions, (), chunks)
    tokenizer = starting_tokenizer(params.model, params.tokenizer, params.environment, texts)
    return (
        chunks,
        open_retriever(params.retrieval, "data/index", chunks),
        Renderer(tokenizer, params.environment),
    )


def test_recall_and_rewards_see_the_same_gold_passages(params, parts):
    """Whoever asks with the words of a gold paragraph is shown the chunk that holds most of it."""
    chunks, retriever, renderer = parts
    gold = GoldMatches.open("data/corpus")
    similarity = TfidfSimilarity.open("data/index/tfidf", chunks)
    examples = [example for name, example in fetched_examples("data/fetch") if name != "musique_train"]
    texts = {passage.id: passage.text for example in examples for passage in example.gold}
    asked = []
    for example in examples:
        hops = [replace(hop, sub_question=texts[hop.support_ids[0]]) for hop in example.question.hops]
        asked.append(replace(example.question, hops=tuple(hops)))
    matched = list(map(gold, asked))
    played = ask_in_order(matched, gold_questions(matched), retriever, renderer, params.rollout)
    assert len(played) == len(asked) == 80
    before = [support_recall(one, question) for one, question in zip(played, asked, strict=True)]
    after = [support_recall(one, gold(question)) for one, question in zip(played, asked, strict=True)]
    assert set(before) == {0.0}
    assert (mean(after) or 0) > 0.8

    def gained(trajectory, question):
        return sum(step.information_gain for step in score(trajectory, question, similarity).step_rewards)

    assert {gained(one, question) for one, question in zip(played, asked, strict=True)} == {0}
    for one, question, recall in zip(played, map(gold, asked), after, strict=True):
        # gains sum to the mean over gold passages in the corpus of the best cosine: 1 if all were shown
        there = [identifier in chunks for identifier in question.support_ids]
        assert (gained(one, question) == pytest.approx(1)) == (recall == pytest.approx(mean(there)))


def test_search_keys_are_those_that_find_these_passages(params, parts, tmp_path):
    chunks, retriever, renderer = parts
    asked = read_questions("data/fetch", "musique", "train")
    with pytest.raises(DataError, match="no question can be trained on: 200 x support not in the corpus"):
        synthesize(asked, chunks, retriever, renderer, params, tmp_path / "out", sources={"bm25": retriever})
    synthesize_stage.main(params)
    report = json.loads(Path("data/synthesize/report.json").read_text())
    questions = load_questions("data/synthesize/train.jsonl")
    assert report["questions"]["dropped"]["support not in the corpus"] < 0.05 * len(asked)
    assert report["search_keys"]["hops_without_key"] < 0.2
    keyed = [(key, hop) for question in questions for hop in question.hops for key in hop.search_keys]
    searched = retriever.search([key for key, _ in keyed], params.synthesize.key_depth)
    for (_, hop), hits in zip(keyed, searched, strict=True):
        assert {hit.passage.id for hit in hits}.intersection(hop.support_ids)


def test_the_audit_tells_what_became_of_them(params):
    described = json.loads(Path("data/corpus/gold.json").read_text())
    report = json.loads(Path("data/index/report.json").read_text())
    assert list(report["gold"]) == list(described["counts"])
    for rows in report["gold"].values():
        row = rows["all"]
        assert row["another_text"] > 0.9 * row["supports"]
        assert row["asked"] == row["supports"] - row["missing"]
        assert row["asked"] > row["not_found"]["bm25"]["2"] > row["not_found"]["bm25"]["10"]
