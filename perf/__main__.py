"""`python -m perf NAME`: run one measurement; its last line is one JSON object (`perf.measure.report`)."""

from __future__ import annotations

import argparse
from importlib import import_module

from stepsearch_core.base.terminal import terminal

MEASUREMENTS = {
    "continued_warmstart": (
        "the trained policy against its warm start, and against supervised training for the same time"
    ),
    "credit": (
        "what critics explain and advantages tell apart, which gain goes with F1, on the warm start of the"
        " active profile; errors of every estimator"
    ),
    "encoder": (
        "a sentence encoder, which STEPSEARCH_ENCODER names: passages a second in float32 and bfloat16, what"
        " it finds in the published text of STEPSEARCH_REAL_DATA"
    ),
    "evaluation": (
        "evaluation of the active profile's trained policy against a lock-step one, and of all its policies"
        " killed at random moments; EM and F1 against the benchmarks' scripts, derived once more"
    ),
    "gae": "errors of the advantages against the estimator's definition",
    "gold_overlap": (
        "which overlap tells gold paragraphs cut anew from others of their title, on the text in"
        " STEPSEARCH_REAL_DATA"
    ),
    "grpo_step": "a step of GRPO against TRL's, whose Python STEPSEARCH_PEERS_PYTHON names",
    "kills": (
        "`dvc repro` on the profile micro killed 50 times at random moments, and how it ended after each"
    ),
    "logits": (
        "memory and time of log-probabilities over a vocabulary of 49,152: all logits at once against chunks"
    ),
    "pipeline": "wall time and memory of all stages, then of a run with nothing to do",
    "prefect_overhead": "the flow against plain dvc, both with nothing left to do",
    "real_model": (
        "SmolLM2-135M in STEPSEARCH_SMOLLM's folder: sampling, sampler against trainer, the PPO update,"
        " memory against the plan"
    ),
    "real_model_memory": "of these the last alone: memory of a training step against the plan",
    "report_page": (
        "bytes of the active profile's page, and its first paint with and without its trajectories' data"
    ),
    "retrieval_build": (
        "time, memory and disk of BM25 and dense indexes from 1,000 to a million generated passages"
    ),
    "rewards": (
        "time of the rewards against the released algorithm, on the published text in STEPSEARCH_REAL_DATA"
    ),
    "retrieval": (
        "the retrieval server against one search a request, its cache, a rollout through it, and recall,"
        " on the published text in STEPSEARCH_REAL_DATA"
    ),
    "rollout": "the rollout against lock-step loops, and under slow and faulty retrieval",
    "serve": "`stepsearch serve`: answers a second with 32 clients at once over one at a time",
    "steps": (
        "steps of published questions that come without: by rule, and by a model at STEPSEARCH_ENDPOINT that"
        " STEPSEARCH_ENDPOINT_MODEL names; questions of linked passages"
    ),
    "steps_to_f1": "training steps until a validation F1 on worlds of few and of many hops, now and before",
    "synthesis": (
        "search keys on published text, their worth to a retriever without a vote, 20,000 rows, kills of a"
        " process that asks a service"
    ),
    "update": "the PPO update against rows of equal length, padded rows and plain torch",
    "update_gpu": "the PPO update of Qwen2.5-0.5B and 3B shapes with random weights, on a GPU",
}
"""Each is the module of its name, with a `main(quick)`."""


@terminal()
def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m perf",
        description="Run one side-by-side measurement; the last line printed is one JSON object.",
        epilog=(
            "continued_warmstart, credit, evaluation, pipeline, prefect_overhead, real_model, report_page,"
            " rollout and serve measure the active profile's results."
        ),
    )
    parser.add_argument(
        "name", choices=MEASUREMENTS, help="; ".join(f"{k}: {v}" for k, v in MEASUREMENTS.items())
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=(
            "fewer repeats or a smaller workload, two minutes at most, but for steps_to_f1, which trains;"
            " pipeline and continued_warmstart"
            " ignore it: they take what the active profile takes"
        ),
    )
    arguments = parser.parse_args()
    import_module(f"perf.{arguments.name}").main(arguments.quick)


if __name__ == "__main__":
    main()
