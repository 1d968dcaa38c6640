import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable

import bm25s
import pytest

from stepsearch_core.benchmarks.readers import read_benchmark, read_decompositions
from stepsearch_core.params import PAPER_BENCHMARKS
from stepsearch_core.worlds.relations import Relation

WORLD_FILES = (
    *("musique_train.jsonl", "musique.jsonl", "hotpotqa.json", "2wikimultihopqa.json", "bamboogle.csv"),
    *("corpus.jsonl", "decompositions.jsonl"),
)
TEST_FILES = {
    name: f"{name}{suffix}"
    for name, suffix in zip(PAPER_BENCHMARKS, (".jsonl", ".json", ".json", ".csv"), strict=True)
}
FUNCTION_WORDS = frozenset(
    "the of by in is was has had a an its to from for at under with between {s} {o}".split()  # noqa: SIM905
)


def digests(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in WORLD_FILES}


def words_of(text):
    return set(re.findall(r"\w+", text.lower()))


@pytest.mark.slow
def test_the_same_parameters_give_the_same_bytes_in_another_process(micro_params, micro_folder, tmp_path):
    program = (
        "import json, sys; from stepsearch_core.params import WorldParams; "
        "from stepsearch_core.worlds import write_world; "
        "write_world(WorldParams(**json.loads(sys.argv[1])), sys.argv[2])"
    )
    values = json.dumps({**vars(micro_params), "seed": 3})
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", program, values, str(tmp_path)], check=True, env=environment)
    assert digests(tmp_path) == digests(micro_folder(3))
    assert digests(micro_folder(4)) != digests(micro_folder(3))


@pytest.mark.slow
def test_the_folder_holds_the_promised_files_and_nothing_else(micro_folder):
    assert sorted(path.name for path in micro_folder(0).iterdir()) == sorted(WORLD_FILES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_training_text_holds_every_word_of_tests_and_corpus(micro_folder, seed):
    folder = micro_folder(seed)
    training = [json.loads(line) for line in (folder / "musique_train.jsonl").read_text().splitlines()]
    known = set()
    for row in training:
        known |= words_of(row["question"])
        known |= {
            word for p in row["paragraphs"] for word in words_of(f"{p['title']} {p['paragraph_text']}")
        }
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    assert {word for row in corpus for word in words_of(f"{row['title']} {row['text']}")} <= known
    for name, file in TEST_FILES.items():
        for example in read_benchmark(name, folder / file, "test"):
            assert words_of(example.question.question) <= known
            assert words_of(" ".join(example.question.answers)) <= known


def test_the_readers_find_steps_and_supports_in_the_corpus(micro_folder):
    folder = micro_folder(0)
    corpus = {json.loads(line)["id"] for line in (folder / "corpus.jsonl").read_text().splitlines()}
    steps = read_decompositions(folder / "decompositions.jsonl")
    for name, file in TEST_FILES.items():
        questions = [
            example.question for example in read_benchmark(name, folder / file, "test", steps[name])
        ]
        assert len({question.id for question in questions}) == 20
        assert all(question.has_decomposition for question in questions)
        assert all(len(hop.support_ids) == 1 for question in questions for hop in question.hops)
        assert {support for question in questions for support in question.support_ids} <= corpus


def content_words(phrasings):
    return [word for phrasing in phrasings for word in phrasing.split() if word not in FUNCTION_WORDS]


class Searcher:
    """BM25 over a world's passages with bm25s at its own settings, without stop words."""

    def __init__(self, world):
        self.passages = world.passages
        self.bm25 = bm25s.BM25(k1=1.5, b=0.75)
        self.bm25.index(self.tokens([passage.contents for passage in self.passages]), show_progress=False)

    def tokens(self, texts):
        return bm25s.tokenize(texts, stopwords=[], return_ids=False, show_progress=False)

    def share_found(self, hops, added_words: Callable[[Relation], list[str]]):
        """How often a hop's passage is among the first two, for the hop's subject and some words more."""
        queries = [
            " ".join([sub_question.split(" >> ")[0], *added_words(fact.relation)])
            for sub_question, fact in hops
        ]
        found, _ = self.bm25.retrieve(self.tokens(queries), k=2, show_progress=False)
        ids = [{self.passages[i].id for i in row} for row in found]
        return sum(fact.passage.id in row for row, (_, fact) in zip(ids, hops, strict=True)) / len(hops)


@pytest.mark.slow
def test_finding_a_passage_takes_the_right_words(default_world):
    """About 2,200 hops: a share's standard error is .011 at most."""
    world, split = default_world
    searcher, random_ = Searcher(world), random.Random(0)
    questions = [question for questions in split.test.values() for question in questions]
    hops = [hop for q in questions for hop in zip(q.resolved_sub_questions, q.facts, strict=True)]

    def share(words):
        return searcher.share_found(hops, words)

    bare = share(lambda relation: [])
    assert 0.40 <= bare <= 0.50
    assert share(lambda relation: [relation.name]) == bare
    one_word = share(lambda relation: [random_.choice(content_words(random_.sample(relation.phrasings, 1)))])
    assert 0.56 <= one_word <= 0.65
    assert 0.74 <= share(lambda relation: content_words(random_.sample(relation.phrasings, 2))) <= 0.84
    assert share(lambda relation: content_words(relation.phrasings)) >= 0.95
