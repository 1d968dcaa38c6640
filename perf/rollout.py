"""The rollout against lock-step loops, and under slow and faulty retrieval: trajectories a second, greedy.

On the active profile's warm start, its index and its training questions (`dvc repro warmstart` first). Both
lock-step loops (`perf.lockstep`) must make the same trajectories, which is checked. `slow` adds 200 ms to
every call of the retriever, `faulty` lets a tenth of the calls fail; both have 64 trajectories in flight,
and only trajectories that did not fail count. However fast an engine is, 64 trajectories with 200 ms for
each of their searches cannot be faster than `slow_retrieval_bound` of our rate without the delay;
`slow_retrieval_of_bound` is how near they come. `slow_retrieval_most_in_flight` compares 256 with 256. The
curve has vLLM's points where vLLM is installed.
"""

from __future__ import annotations

import operator
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from perf.lockstep import generated, play
from perf.measure import engines, in_turn, median_of_pairs, report, seconds
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import FAILURES, Trajectory
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import load_policy
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.retrieval.retriever import Hit, RetrievalError, Retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.synthesis.questions import load_questions
from tasks.stage import DATA

IN_FLIGHT = 64
CURVE = (16, 64, 256)
DELAY = 0.2
FAULTS = 0.1


class _Slow:
    """Another retriever, after a delay."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        time.sleep(DELAY)
        return self.retriever.search(queries, k)


class _Faulty:
    """Another retriever that fails some calls."""

    def __init__(self, retriever: Retriever) -> None:
        self.retriever = retriever
        self.draw = stream(0, Name.MEASUREMENT)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        if self.draw.random() < FAULTS:
            raise RetrievalError("a fault, on purpose")
        return self.retriever.search(queries, k)


def main(quick: bool) -> None:
    """Time all sides in turn; print the ratios and the curve."""
    folder = DATA / "warmstart" / "policy"
    if not folder.is_dir():
        sys.exit(f"rollout: no policy in {folder}: run `dvc repro warmstart` first")
    params = load_params()
    corpus = Corpus.open(DATA / "corpus")
    retriever = open_retriever(params.retrieval, DATA / "index", corpus)
    model, tokenizer = load_policy(folder)
    renderer = Renderer(tokenizer, params.environment)
    questions = load_questions(DATA / "synthesize" / "train.jsonl")[: 256 if quick else 512]
    repeats = 1 if quick else 5
    made: dict[str, list[Trajectory]] = {}
    waits: list[float] = []

    def engine(name: str) -> Engine:
        settings = replace(params.rollout, engine=name, batch_size=max(CURVE))
        return open_engine(model, tokenizer, folder, params.model, params.environment, settings)

    transformers = engine("transformers")

    def ours(
        name: str, in_flight: int = IN_FLIGHT, source: Retriever = retriever, writer: Engine = transformers
    ) -> Callable[[], float]:
        settings = replace(
            params.rollout, batch_size=in_flight, retrieval_workers=1 if source is retriever else 16
        )

        def side() -> float:
            rollout = Rollout(writer, source, renderer, settings)
            took = seconds(lambda: made.update({name: rollout.greedy(questions)}))
            if name == "ours":
                waits.append(rollout.waited / took)
            return sum(trajectory.stop_reason not in FAILURES for trajectory in made[name]) / took

        return side

    def lockstep(name: str, stop_strings: bool) -> Callable[[], float]:
        def run() -> None:
            write = generated(model, tokenizer, stop_strings)
            made[name] = play(retriever, renderer, questions, IN_FLIGHT, write)

        return lambda: len(questions) / seconds(run)

    sides = {
        "ours": ours("ours"),
        "lockstep_stop": lockstep("lockstep_stop", True),
        "lockstep": lockstep("lockstep", False),
        "slow_retrieval": ours("slow_retrieval", source=_Slow(retriever)),
        "slow_retrieval_most": ours("slow_retrieval_most", max(CURVE), _Slow(retriever)),
        "faulty_retrieval": ours("faulty_retrieval", source=_Faulty(retriever)),
        **{f"transformers_{count}": ours(f"transformers_{count}", count) for count in CURVE},
    }
    if "vllm" in engines():
        vllm = engine("vllm")
        sides |= {f"vllm_{count}": ours(f"vllm_{count}", count, writer=vllm) for count in CURVE}
    in_turn({name: sides[name] for name in ("ours", "lockstep_stop")}, 1)
    values = in_turn(sides, repeats)
    for name in ("lockstep_stop", "lockstep"):
        different = sum(a.token_ids != b.token_ids for a, b in zip(made["ours"], made[name], strict=True))
        if different:
            sys.exit(
                f"rollout: {name} made {different} other trajectories of {len(questions)}: not comparable"
            )

    def ratio(side: str, base: str) -> float:
        return median_of_pairs(operator.truediv, values[side], values[base])

    searches = float(np.mean([len(trajectory.searches) for trajectory in made["ours"]]))
    reachable = IN_FLIGHT / (DELAY * searches)
    figures = {
        "speedup_lockstep_stop": ratio("ours", "lockstep_stop"),
        "speedup_lockstep": ratio("ours", "lockstep"),
        "retrieval_wait_share": float(np.median(waits)),
        "slow_retrieval_throughput": ratio("slow_retrieval", "ours"),
        "slow_retrieval_bound": reachable / float(np.median(values["ours"])),
        "slow_retrieval_of_bound": float(np.median(values["slow_retrieval"])) / reachable,
        "slow_retrieval_most_in_flight": ratio("slow_retrieval_most", f"transformers_{max(CURVE)}"),
        "faulty_retrieval_throughput": ratio("faulty_retrieval", "ours"),
        **{
            f"trajectories_per_second_{name}": float(np.median(rates))
            for name, rates in values.items()
            if name[-1].isdigit()
        },
    }
    workload = [
        [question.question for question in questions],
        IN_FLIGHT,
        DELAY,
        FAULTS,
        params.profile,
        params.seed,
    ]
    report("rollout", figures, values, repeats, workload, trajectories=len(questions))
