"""Stage `evaluate`: policies on benchmarks, greedy and free-running, with intervals and paired gains."""

from __future__ import annotations

import time
from collections.abc import Sequence

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.sources import read_questions
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.oracle import ask_gold_sub_questions
from stepsearch_core.evaluation.records import record
from stepsearch_core.evaluation.summary import summarize
from stepsearch_core.io import write_json, write_jsonl
from stepsearch_core.params import Params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.policy.transformers_engine import TransformersEngine
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.similarity import TfidfSimilarity
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.types import Question, Trajectory
from tasks.stage import DATA, run

FOLDERS = {"warmstart": DATA / "warmstart" / "policy", "trained": DATA / "train" / "policy"}


def main(params: Params) -> None:
    """Evaluate; writes `data/evaluate/{metrics.json,timings.json,records/POLICY/BENCHMARK.jsonl}`."""
    out = DATA / "evaluate"
    corpus = Corpus.open(DATA / "corpus")
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    similarity = TfidfSimilarity.load(DATA / "index" / "tfidf")
    benchmarks = {
        name: read_questions(DATA / "fetch", name, "test")[: params.evaluate.questions]
        for name in params.evaluate.benchmarks
    }
    records: dict[str, dict[str, list[dict[str, object]]]] = {}
    timings = {}
    for policy in params.evaluate.policies:
        started = time.perf_counter()
        records[policy] = {}
        for name, questions in benchmarks.items():
            asked = [question for question in questions if policy != "oracle" or question.has_decomposition]
            score = Scorer(similarity, corpus.get, {question.id: question for question in asked})
            trajectories = _answers(policy, asked, name, retriever, params)
            rows = [record(t, q, score(t), corpus.get) for t, q in zip(trajectories, asked, strict=True)]
            write_jsonl(out / "records" / policy / f"{name}.jsonl", rows)
            records[policy][name] = rows
        timings[policy] = time.perf_counter() - started
    write_json(out / "metrics.json", summarize(records, params.evaluate, params.seed))
    write_json(out / "timings.json", timings)


def _answers(
    policy: str, questions: Sequence[Question], name: str, retriever: Retriever, params: Params
) -> list[Trajectory]:
    source = FOLDERS.get(policy, FOLDERS["warmstart"])
    model, tokenizer = load_policy(source)
    renderer = Renderer(tokenizer, params.environment)
    if policy == "oracle":
        return ask_gold_sub_questions(questions, retriever, renderer)
    engine = TransformersEngine(model, tokenizer)
    rollout = Rollout(engine, retriever, renderer, params.evaluate.batch_size)
    return rollout.greedy(questions, progress=f"{policy} on {name}")


if __name__ == "__main__":
    run("evaluate", main)
