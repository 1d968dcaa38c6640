"""Retrieval as a service, on published text: requests a second, latencies, cache hits, recall.

On the 36,836 passages and 551 questions of the folder in STEPSEARCH_REAL_DATA. `server_speedup` compares
`stepsearch serve-retriever` with a server designed as Search-R1's (`perf.blocking_server`), both over the
default encoder and a Flat index, under 64 closed-loop clients in a process of their own, each request one
query that was not asked before, without a cache; the servers take turns. Then as many requests a second as
half of ours come at random moments (`p99_over_median`). `cache_hit_ms` is what the handler takes for a query
that the cache knows, by its own clock. `remote_rollout_share` lets the active profile's warm start (`dvc
repro warmstart` first) answer its training questions through a server on loopback, and in its own process.
Recall is that of resolved sub-questions; STEPSEARCH_ENCODER names the folder of a sentence encoder, without
which BM25 is alone. It encodes the passages once, minutes to a quarter of an hour.
"""

from __future__ import annotations

import operator
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perf.measure import PROFILES, in_turn, median_of_pairs, report, seconds
from perf.real_data import CORPUS, DEV, real_data
from perf.retrieval_recall import DEPTHS, real_corpus, recall
from perf.servers import load, server
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import Params, load_params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.profiles import load_profile
from stepsearch_core.retrieval.index import build_index, open_retriever
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.questions import load_questions
from tasks.stage import DATA

CLIENTS = 64
CACHED = 500
TOPK = 3


def main(quick: bool) -> None:
    """Print all figures; `quick` sends a tenth of the requests, once, and measures no rollout."""
    real = real_data(CORPUS, DEV)
    repeats, requests = (1, 600) if quick else (3, 6000)
    with tempfile.TemporaryDirectory(prefix="stepsearch-retrieval-") as name:
        data = Path(name)
        corpus = real_corpus(real, data / "corpus")
        params = replace(load_profile(PROFILES / "tiny.yaml"), profile="perf")
        params.retrieval.method = "dense"
        params.index.measured_methods = ["dense"]
        build_index(corpus, params.retrieval, data / "index")
        queries = _distinct_queries(corpus, 4 * repeats * requests)
        rates, p99, hit = _served(data, params, queries, requests, repeats)
        found = recall(
            corpus, real, data / "recall", None if quick else os.environ.get("STEPSEARCH_ENCODER")
        )
    figures = {
        "server_speedup": median_of_pairs(operator.truediv, rates["ours"], rates["blocking"]),
        "p99_over_median": p99,
        "cache_hit_ms": hit * 1000,
        **{f"{method}_recall_{depth}": value for (method, depth), value in found.items()},
    }
    if ("hybrid", 3) in found:
        figures |= {
            f"hybrid_gain_{depth}": found["hybrid", depth] - found["bm25", depth] for depth in DEPTHS
        }
    sides: dict[str, Any] = {f"requests_per_second_{name}": values for name, values in rates.items()}
    if not quick:
        rollouts = _rollouts(repeats)
        figures["remote_rollout_share"] = median_of_pairs(
            operator.truediv, rollouts["remote"], rollouts["here"]
        )
        sides |= {f"trajectories_per_second_{name}": values for name, values in rollouts.items()}
    workload = [real / CORPUS, real / DEV, CLIENTS, requests]
    report("retrieval", figures, sides, repeats, workload, passages=len(corpus), requests=requests)


def _distinct_queries(corpus: Corpus, count: int) -> list[str]:
    """Eight words from somewhere in as many places of the corpus."""
    found: dict[str, None] = {}
    for stride in range(1, 100):
        for passage in corpus:
            text = passage.text.split()
            start = 8 * stride % max(1, len(text) - 8)
            found[" ".join(text[start : start + 8])] = None
            if len(found) == count:
                return list(found)
    raise ValueError(f"the corpus gives {len(found)} queries of {count}")


def _served(
    data: Path, params: Params, queries: Sequence[str], requests: int, repeats: int
) -> tuple[dict[str, list[float]], float, float]:
    """Requests a second of both servers, the 99th percentile over the median at half of our rate, and the
    seconds of a cache hit.
    """
    settings = data / "params.yaml"
    settings.write_text(yaml.safe_dump(asdict(params)), encoding="utf-8")
    waiting = iter(queries)

    def some() -> list[str]:
        return [next(waiting) for _ in range(requests)]

    ours: list[str | Path]
    ours = ["stepsearch_core.cli", "serve-retriever", "--data", data, "--params", settings, "--port", "0"]
    theirs: list[str | Path] = ["perf.blocking_server", data, settings]
    with server(ours) as our_port, server(theirs) as their_port:

        def side(port: int) -> float:
            return requests / _load(port, some(), "--clients", str(CLIENTS))["seconds"]

        sides = {"ours": lambda: side(our_port), "blocking": lambda: side(their_port)}
        rates = in_turn(sides, repeats)
        half = statistics.median(rates["ours"]) / 2
        latencies = _load(our_port, some(), "--rate", str(half))["latencies"]
    with server([*ours, "--cache", data / "cache"]) as port:
        known = some()[:CACHED]
        hits = [_load(port, known, "--clients", "1")["handler"] for _ in range(2)][-1]
    return rates, float(np.quantile(latencies, 0.99) / np.median(latencies)), statistics.median(hits)


def _load(port: int, queries: Sequence[str], *options: str) -> dict[str, Any]:
    """Each query alone in its request."""
    bodies = [{"queries": [query], "topk": TOPK, "return_scores": True} for query in queries]
    return load(port, "/retrieve", bodies, *options)


def _rollouts(repeats: int) -> dict[str, list[float]]:
    """Trajectories a second of the active profile's warm start, in one process and through a server."""
    folder = DATA / "warmstart" / "policy"
    if not folder.is_dir():
        sys.exit(f"retrieval: no policy in {folder}: run `dvc repro warmstart` first")
    params = load_params()
    corpus = Corpus.open(DATA / "corpus")
    model, tokenizer = load_policy(folder)
    engine = open_engine(model, tokenizer, folder, params.model, params.environment, params.rollout)
    renderer = Renderer(tokenizer, params.environment)
    questions = load_questions(DATA / "synthesize" / "train.jsonl")[:512]

    def rate(retriever: Retriever) -> float:
        rollout = Rollout(engine, retriever, renderer, params.rollout)
        return len(questions) / seconds(lambda: rollout.greedy(questions))

    with server(["stepsearch_core.cli", "serve-retriever", "--port", "0"]) as port:
        remote = replace(params.retrieval, method="remote", url=f"http://127.0.0.1:{port}")
        here, there = (
            open_retriever(settings, DATA / "index", corpus) for settings in (params.retrieval, remote)
        )
        sides = {"here": lambda: rate(here), "remote": lambda: rate(there)}
        in_turn(sides, 1)
        return in_turn(sides, repeats)
