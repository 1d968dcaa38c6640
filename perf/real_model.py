"""A real language model, SmolLM2-135M-Instruct in bfloat16, each part in a file of its own.

`perf.real_model_memory`: peak memory of a training step against the plan of the profile smollm.
`perf.real_model_mismatch`: sampler and trainer, with each engine that is installed.
`perf.real_model_rollout`: sampling, on the warm start of the active profile, which is to be smollm.
`perf.real_model_update`: the PPO update.
"""

from __future__ import annotations

from typing import Any

from perf import real_model_memory, real_model_mismatch, real_model_rollout, real_model_update
from perf.measure import report
from perf.smollm import smollm

PARTS = (real_model_memory, real_model_mismatch, real_model_rollout, real_model_update)
"""Each has a `measure(folder, repeats, quick)` that gives a `perf.measure.Measured`."""


def main(quick: bool) -> None:
    """Measure all parts one after the other; print their figures together."""
    folder = smollm()
    real_model_rollout.see_warm_start(folder)
    repeats = 1 if quick else 3
    figures: dict[str, Any] = {}
    both_sides: dict[str, Any] = {}
    workloads: dict[str, Any] = {}
    for part in PARTS:
        measured = part.measure(folder, repeats, quick)
        figures |= measured.figures
        both_sides |= measured.both_sides
        workloads |= measured.workload
    report("real_model", figures, both_sides, repeats, workloads, **workloads)
