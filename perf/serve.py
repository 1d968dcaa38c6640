"""`stepsearch serve` under load: answers a second of many clients at once over one after the other.

The trained policy of the active profile (`dvc repro train` first) behind its server; closed-loop clients in
a process of their own ask the questions of its first test set, each question alone in its request, greedily.
`serve_concurrency_gain` is the rate with 32 clients over the rate with one; both sides take turns on one
server.
"""

from __future__ import annotations

import operator
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perf.measure import in_turn, median_of_pairs, report
from perf.servers import load, server
from stepsearch_core.agent_server.metrics import PATH
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.params import load_params
from tasks.stage import DATA

CLIENTS = 32
ALONE, TOGETHER = 60, 480
"""Questions of each side: some seconds of work."""


def main(quick: bool) -> None:
    """Print the gain and both rates."""
    repeats = 1 if quick else 5
    figures, sides, workload = concurrency(DATA, Path("params.yaml"), repeats)
    report("serve", figures, sides, repeats, workload, clients=CLIENTS)


def concurrency(
    data: Path, params: Path, repeats: int
) -> tuple[dict[str, float], dict[str, list[float]], list[Any]]:
    """The figures, the answers a second of both sides, and what was asked.

    Args:
        data: the stages' outputs.
        params: the parameters that made them.
        repeats: of both sides, in turn.
    """
    if not (data / "train" / "policy").is_dir():
        sys.exit(f"serve: no policy in {data / 'train' / 'policy'}: run `dvc repro train` first")
    loaded = load_params(params)
    benchmark = loaded.evaluate.benchmarks[0]
    questions = [question.question for question in read_questions(data / "fetch", benchmark, "test")]
    latencies: dict[str, list[float]] = {"one": [], "many": []}

    def side(port: int, name: str, count: int, clients: int) -> Callable[[], float]:
        bodies = [_body(questions[number % len(questions)]) for number in range(count)]

        def rate() -> float:
            made = load(port, PATH, bodies, "--clients", str(clients))
            latencies[name].append(statistics.median(made["latencies"]))
            return count / made["seconds"]

        return rate

    command: list[str | Path] = ["stepsearch_core.cli", "serve", "--port", "0"]
    with server([*command, "--data", data, "--params", params]) as port:
        sides = {
            "one": side(port, "one", ALONE, 1),
            "many": side(port, "many", TOGETHER, CLIENTS),
        }
        in_turn(sides, 1)  # it is warm
        for made in latencies.values():
            made.clear()
        rates = in_turn(sides, repeats)
    figures = {
        "serve_concurrency_gain": median_of_pairs(operator.truediv, rates["many"], rates["one"]),
        "seconds_of_an_answer_alone": statistics.median(latencies["one"]),
        f"seconds_of_an_answer_of_{CLIENTS}": statistics.median(latencies["many"]),
    }
    workload = [questions, CLIENTS, ALONE, TOGETHER, loaded.profile, loaded.seed]
    return figures, {f"answers_per_second_{name}": values for name, values in rates.items()}, workload


def _body(question: str) -> dict[str, Any]:
    return {"model": "stepsearch", "messages": [{"role": "user", "content": question}]}
