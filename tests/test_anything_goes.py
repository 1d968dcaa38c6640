"""Whatever a file holds: readers, corpus, synthesis, rollout and evaluation end it in results or in one
clear line.

A case is a row of MuSiQue with random scripts, lengths, special tokens and damage. A few of them make a
file, which goes through the real parts with one of several kinds of tokenizer, small random limits, the
oracle and a policy that writes garbage. Nothing may end in a traceback, and a zero that the policy could not
help is counted somewhere.
"""

import copy
import itertools
import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.readers import read_benchmark
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.data.row import Row
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.ceilings import ask_in_order, gold_questions
from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.metrics.measures import EVALUATED, Rules
from stepsearch_core.params import EnvironmentParams, EvaluateParams, Params, RetrievalParams, RolloutParams
from stepsearch_core.policy.writable import unwritable
from stepsearch_core.retrieval.bm25 import BM25Index
from stepsearch_core.retrieval.retriever import CorpusRetriever
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.recording import record
from stepsearch_core.rollout.records import QuestionRecord
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from stepsearch_core.synthesis.synthesize import synthesize
from tests import published, tiny
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE

CASES, NIGHTLY_CASES = 400, 10_000
ROWS = 8
"""Of a file at most."""
WORDS = (
    *[
        "the",
        "Ann",
        "Lee",
        "Oslo",
        "1984",
        "3.5",
        "U.S.",
        "don't",
        "A",
        "café",
        "café",
        "Ångström",
        "ﬁ",
        "Ⅳ",
    ],
    *[
        "नमस्ते",
        "कहाँ",
        "किताब",
        "শহর",
        "ไทย",
        "ประเทศ",
        "北京",
        "東京タワー",
        "서울",
        "القاهرة",
        "القاهرةُ",
        "ירושלים",
        "Москва",
        "Αθήνα",
    ],
    *("👩‍👩‍👧", "🇳🇴", "\u200b", "\u00a0", "\u2028", "\ufeff", "\t", "\n\n", "\x07", "İ", "ß", "\u0301"),
    *(
        "#1",
        "#2",
        "#9",
        "#0",
        "# 1",
        ">>",
        "{question}",
        "{rank}",
        "%s",
        "${x}",
        "\\",
        '"',
        "'",
        "---",
        "?!",
        "...",
    ),
    *("<s>", "</s>", "<|im_end|>", "<|im_start|>", "[INST]", "<|pad|>", "<|end|>", "<|unknown|>", "<unk>"),
    *(
        "<think>",
        "</think>",
        "<search>",
        "</search>",
        "<answer>",
        "</answer>",
        "<information>",
        "</information>",
    ),
)
VALUES = (
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "x",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    ["x"],
    "[1, 2",
    "\ud800",
)
TOKENIZERS = {
    **{kind: lambda kind=kind: tiny.tokenizer(kind) for kind in ("word", "bpe")},
    **{kind: getattr(published, kind) for kind in ("qwen", "llama_3", "mistral", "folding")},
}
MADE = {}


def text(draw: random.Random, most: int = 6) -> str:
    words = draw.choices(WORDS[:13] if draw.random() < 0.5 else WORDS, k=draw.randint(1, most))
    return draw.choice((" ", " ", "")).join(words) * (draw.randint(20, 60) if draw.random() < 0.03 else 1)


def musique_row(draw: random.Random, number: int) -> dict:
    """A row of the format with random texts, in one of six damaged somewhere."""
    row = copy.deepcopy(MUSIQUE)
    row |= {"id": f"q{number}", "question": text(draw, 12), "answer": text(draw, 3), "answer_aliases": []}
    for paragraph in row["paragraphs"]:
        paragraph |= {"title": text(draw, 3), "paragraph_text": text(draw, 25)}
    can_be_found = draw.random() < 0.7
    for step in row["question_decomposition"]:
        support = row["paragraphs"][step["paragraph_support_idx"]]
        asked = f"{support['title']} {support['paragraph_text'][:80]}" if can_be_found else text(draw, 8)
        step |= {"question": asked.strip() or "x", "answer": text(draw, 2)}
    if draw.random() < 0.17:
        damage(draw, row)
    return row


def damage(draw: random.Random, value: object) -> None:
    """Replace or remove something somewhere below a list or an object."""
    while isinstance(value, list | dict) and value:
        key = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if isinstance(value[key], list | dict) and value[key] and draw.random() < 0.7:
            value = value[key]
        elif draw.random() < 0.3:
            del value[key]
            return
        else:
            value[key] = draw.choice(VALUES)
            return


def write(draw: random.Random, path: Path, rows: list[dict]) -> None:
    """JSON lines, now and then with a byte-order mark, blank lines, or bytes that are no text."""
    lines = [
        json.dumps(row, ensure_ascii=draw.random() < 0.5).encode(errors="surrogatepass") for row in rows
    ]
    if draw.random() < 0.1:
        place = draw.randrange(len(lines))
        cut = draw.randrange(len(lines[place]))
        lines[place] = (
            lines[place][:cut] + draw.choice((b"", b"\xff", b"\x00", b"}")) + lines[place][cut + 3 :]
        )
    path.write_bytes(
        draw.choice((b"", b"", b"\xef\xbb\xbf")) + b"\n".join(lines) + draw.choice((b"", b"\n", b"\n\n"))
    )


def limits(draw: random.Random) -> EnvironmentParams:
    wide = draw.random() < 0.5
    turn, observation = (400, 2000) if wide else (draw.choice((8, 32, 200)), draw.choice((20, 60, 400)))
    return EnvironmentParams(
        prompt=draw.choice(list(STYLES)),
        parser=draw.choice(("strict", "lenient")),
        long_passages=draw.choice(("cut", "skip")),
        max_searches=4 if wide else draw.randint(1, 4),
        passages_per_search=draw.randint(1, 3),
        max_turn_tokens=turn,
        max_observation_tokens=observation,
        max_trajectory_tokens=turn + observation + (20_000 if wide else draw.choice((20, 600, 3000))),
    )


def garbage(draw: random.Random):
    """Turns of a policy that has learnt nothing; without end."""
    while True:
        tag = draw.choice(("search", "answer"))
        yield (
            f"<think> {text(draw)} </think> <{tag}> {text(draw)} </{tag}>"
            if draw.random() < 0.5
            else text(draw, 15)
        )


def clear(error: DataError) -> None:
    """One line that names a place."""
    assert "\n" not in str(error), str(error)
    assert error.place
    assert error.problem


def one_file(seed: int, folder: Path) -> int:
    """Send one file through everything; returns how many rows it had."""
    draw = random.Random(seed)
    rows = [musique_row(draw, number) for number in range(draw.randint(1, ROWS))]
    path = folder / "musique.jsonl"
    write(draw, path, rows)
    account = Account(path, draw.choice((0, 2, ROWS)))
    try:
        records = list(read_benchmark("musique", path, "train", account=account))
    except DataError as error:
        clear(error)
        return len(rows)
    lines = sum(bool(line.strip()) for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    assert len(records) + len(account.dropped) == lines

    build_corpus(itertools.chain.from_iterable(one.context for one in records), folder / "corpus")
    corpus = Corpus.open(folder / "corpus")
    (folder / "bm25").mkdir()
    retriever = CorpusRetriever(BM25Index.build(corpus, RetrievalParams(), folder / "bm25"), corpus)
    environment, kind = limits(draw), draw.choice(list(TOKENIZERS))
    if kind not in MADE:
        MADE[kind] = TOKENIZERS[kind]()
    questions = [one.question for one in records]
    try:
        renderer = Renderer(MADE[kind], environment)
    except DataError as error:  # the tokenizer cannot write the tags, or a limit holds nothing
        clear(error)
        return len(rows)
    synthesized(questions, corpus, retriever, renderer, environment, folder)
    asked = [question for question in questions if question.has_decomposition]
    policies = {
        "gold_questions": ask_in_order(
            asked, gold_questions(asked), retriever, renderer, RolloutParams(batch_size=3)
        ),
        "garbage": Rollout(
            ScriptedEngine(renderer, (garbage(draw) for _ in questions)),
            retriever,
            renderer,
            RolloutParams(),
        ).greedy(questions),
    }
    TfidfSimilarity.build(corpus, folder / "tfidf")
    by_id = {question.id: question for question in questions}
    scorer = Scorer(TfidfSimilarity.open(folder / "tfidf", corpus), by_id)
    measured = {}
    for policy, trajectories in policies.items():
        made = [
            record(one, by_id[one.question_id], scorer(one), corpus.get, Rules()) for one in trajectories
        ]
        written = [json.loads(json.dumps(one.to_json(), ensure_ascii=False).encode()) for one in made]
        assert [QuestionRecord.from_json(Row("record", row)) for row in written] == made
        measured[policy] = {"musique": made}
        for one, row in zip(trajectories, written, strict=True):
            explained(row, one, by_id[row["id"]], policy, MADE[kind])
    counted = summarize(measured, EvaluateParams(benchmarks=["musique"], bootstrap_samples=2), seed)
    assert set(counted["gold_questions"]["musique"]) == set(EVALUATED)
    return len(rows)


def synthesized(questions, corpus, retriever, renderer, environment, folder) -> None:
    params = Params(profile="anything", environment=environment)
    params.synthesize.validation_questions, params.synthesize.trajectories = 1, 4
    try:
        out = folder / "synthesize"
        report = synthesize(questions, corpus, retriever, renderer, params, out, sources={"it": retriever})
        report = report["questions"]
    except DataError as error:
        clear(error)
    else:
        assert report["read"] == report["train"] + report["validation"] + sum(report["dropped"].values())


def explained(row, trajectory, question, policy, tokenizer) -> None:
    """A zero has its reason in the record, or is the policy's own."""
    if row["stop_reason"] == "prompt_too_long":
        assert row["prompt_too_long"]
        assert not row["turns"]
        return
    searches = [turn for turn in row["turns"] if turn["action"] == "search"]
    if any(turn["hidden_ids"] for turn in searches):
        assert row["hidden_passages"] > 0
    if any(passage["cut"] for turn in searches for passage in turn["passages"]):
        assert row["cut_passages"] > 0
    if any(turn["action"] == "invalid" for turn in row["turns"]):
        assert row["invalid_turns"] > 0
        assert all(turn["reason"] for turn in row["turns"] if turn["action"] == "invalid")
    if policy == "garbage":
        return
    lost = set(row["support_ids"]) - {passage["id"] for turn in searches for passage in turn["passages"]}
    if lost:
        hidden = {name for turn in searches for name in turn["hidden_ids"]}
        all_asked = len(searches) >= len(question.hops)
        assert row["support_recall"] < 1
        assert (
            hidden
            or all_asked
            or row["invalid_turns"]
            or row["stop_reason"] in ("length_limit", "turn_limit")
        ), row
    elif row["prediction"] is not None and not row["f1"]:
        assert unwritable(tokenizer, [question.answers]), row  # counted in data/warmstart/answers.json


@settings(max_examples=settings().max_examples // 10)
@given(st.integers(0, 2**32))
def test_a_few_files(seed):
    with tempfile.TemporaryDirectory() as folder:
        one_file(seed, Path(folder))


@pytest.mark.slow
@pytest.mark.parametrize("cases", [CASES, pytest.param(NIGHTLY_CASES, marks=pytest.mark.nightly)])
def test_many_cases(cases):
    """Says of each file that fails by which seed it is made again, and goes on; `-m nightly -s` shows it."""
    failed, done = {}, 0
    with tqdm(total=cases, unit=" cases", mininterval=10) as bar:
        for seed in itertools.count():
            try:
                with tempfile.TemporaryDirectory() as folder:
                    rows = one_file(seed, Path(folder))
            except Exception as error:
                failed[seed], rows = f"{type(error).__name__}: {str(error)[:300]}", ROWS // 2
                bar.write(f"seed {seed}: {failed[seed]}")
            done += rows
            bar.update(rows)
            if done >= cases:
                break
    assert not failed, failed
