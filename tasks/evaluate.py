"""Stage `evaluate`: policies on benchmarks, greedy and free-running, with intervals and paired gains."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.sources import read_questions
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.fingerprint import fingerprint
from stepsearch_core.evaluation.oracle import ask_gold_sub_questions
from stepsearch_core.evaluation.records import record
from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.io import sha256_folder, write_json, write_jsonl
from stepsearch_core.params import Params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.policy.transformers_engine import TransformersEngine
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.similarity import TfidfSimilarity
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.types import Question, Trajectory
from tasks.stage import DATA, run

FOLDERS = {
    "warmstart": DATA / "warmstart" / "policy",
    "trained": DATA / "train" / "policy",
    "oracle": DATA / "warmstart" / "policy",  # for its tokenizer
}


def main(params: Params) -> None:
    """Evaluate; writes `data/evaluate/{metrics.json,evaluated.json,timings.json,records/POLICY/BENCHMARK.jsonl}`."""
    out = DATA / "evaluate"
    folders = {policy: FOLDERS[policy] for policy in params.evaluate.policies}
    timings: dict[str, float] = {}
    records: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for policy, folder in folders.items():
        started = time.perf_counter()
        records[policy] = evaluate(policy, folder, params, out / "records" / policy)
        timings[policy] = time.perf_counter() - started
    write_json(out / "metrics.json", summarize(records, params.evaluate, params.seed))
    hashes = {policy: sha256_folder(folder) for policy, folder in folders.items()}
    write_json(out / "evaluated.json", {"policies": hashes, "fingerprint": fingerprint(DATA, params)})
    write_json(out / "timings.json", timings)


def evaluate(name: str, folder: Path, params: Params, out: Path) -> dict[str, list[dict[str, Any]]]:
    """One policy's records on every benchmark, written to `out/BENCHMARK.jsonl` too."""
    corpus = Corpus.open(DATA / "corpus")
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    similarity = TfidfSimilarity.open(DATA / "index" / "tfidf", corpus)
    model, tokenizer = load_policy(folder)
    torch.nn.Module.to(model, "cuda" if torch.cuda.is_available() else "cpu")
    renderer = Renderer(tokenizer, params.environment)
    in_flight = replace(params.rollout, batch_size=params.evaluate.batch_size)
    rollout = Rollout(TransformersEngine(model, tokenizer), retriever, renderer, in_flight)

    def answer(questions: Sequence[Question], label: str) -> list[Trajectory]:
        if name == "oracle":
            return ask_gold_sub_questions(questions, retriever, renderer)
        return rollout.greedy(questions, progress=label)

    records = {}
    for benchmark, questions in _benchmarks(params, name == "oracle").items():
        score = Scorer(similarity, {question.id: question for question in questions})
        pairs = zip(answer(questions, f"{name} on {benchmark}"), questions, strict=True)
        records[benchmark] = [record(trajectory, q, score(trajectory), corpus.get) for trajectory, q in pairs]
        write_jsonl(out / f"{benchmark}.jsonl", records[benchmark])
    return records


def _benchmarks(params: Params, decomposed: bool) -> Mapping[str, list[Question]]:
    """The test questions asked, by benchmark; with `decomposed` only those that have gold sub-questions."""
    asked = {
        name: read_questions(DATA / "fetch", name, "test")[: params.evaluate.questions]
        for name in params.evaluate.benchmarks
    }
    return {name: [q for q in questions if q.has_decomposition or not decomposed] for name, questions in asked.items()}


if __name__ == "__main__":
    run("evaluate", main)
