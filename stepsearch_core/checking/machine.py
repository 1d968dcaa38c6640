"""The machine at hand: packages, GPUs, memory and disk against the plan, which judges `hardware`."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil

from stepsearch_core.base.amounts import gigabytes
from stepsearch_core.checking.disk import existing, size_of
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.gpus import gpus_here
from stepsearch_core.checking.subject import Subject
from stepsearch_core.learning.logit_chunks import LIGER_PACKAGES, LIGER_REMEDY
from stepsearch_core.params import ParamsError
from stepsearch_core.planning.plan import check_fits, main_memory_bytes
from stepsearch_core.runtime.work_folder import ROOT

CACHE = Path(".dvc/cache")
PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb"}
"""The package of each tracker that is none of the project's own dependencies."""


def check_plan(subject: Subject) -> Iterator[Finding]:
    """What the profile needs fits the hardware that it names."""
    try:
        if plan := subject.plan:
            check_fits(plan, subject.params)
    except ParamsError as error:
        what, _, key = str(error).removesuffix(")").rpartition(" (")
        yield subject.error(
            key if key.startswith("hardware.") else "hardware", what, "`stepsearch plan` has the parts"
        )


def check_packages(subject: Subject) -> Iterator[Finding]:
    """What the profile uses besides the project's own dependencies is installed."""
    params = subject.params
    if find_spec("faiss") is None:
        problem = "FAISS is not installed"
        yield subject.error(
            "retrieval.index_factory", problem, "pip install --editable '.[cpu]' or '.[gpu]'"
        )
    if params.rollout.engine == "vllm" and subject.comes("train") and find_spec("vllm") is None:
        problem = "vLLM is not installed here"
        yield subject.error(
            "rollout.engine", problem, "`make test-vllm` makes an environment with it; or transformers"
        )
    missing = [package for module, package in LIGER_PACKAGES.items() if find_spec(module) is None]
    if params.train.log_probs == "liger" and subject.comes("train") and missing:
        problem = f"{' and '.join(missing)} not installed here"
        yield subject.error("train.log_probs", problem, LIGER_REMEDY)
    for tracker in params.watch.trackers:
        if tracker in PACKAGES and find_spec(PACKAGES[tracker]) is None:
            yield subject.error(
                "watch.trackers",
                f"{tracker} is not installed",
                "pip install --editable '.[trackers]', or leave it out",
            )


def check_gpus(subject: Subject) -> Iterator[Finding]:
    """There are the GPUs that the profile names, and one for each process of this machine."""
    here, params = gpus_here(), subject.params
    machines = params.hardware.machines
    if params.hardware.gpus > here:
        yield subject.warning(
            "hardware.gpus",
            f"{params.hardware.gpus} GPUs are planned for, {here} are here",
            "run it where they are; without GPUs training happens in main memory",
        )
    for stage in ("index", "warmstart", "train", "evaluate"):
        processes = math.ceil(getattr(params, stage).processes / (1 if stage == "index" else machines))
        if 0 < here < processes:
            yield subject.error(
                f"{stage}.processes", f"{processes} processes on {here} GPUs", f"at most {here}"
            )
        elif not here and processes > (cores := os.cpu_count() or 1):
            yield subject.warning(
                f"{stage}.processes", f"{processes} processes on {cores} cores", f"at most {cores}"
            )


def check_memory(subject: Subject) -> Iterator[Finding]:
    """Main memory holds the index and, without GPUs, training."""
    plan = subject.plan
    if plan is None:
        return
    memory = psutil.virtual_memory()
    needed = main_memory_bytes(plan, subject.params)
    if needed > memory.total:
        problem = (
            f"{gigabytes(needed)} of main memory are needed, this machine has {gigabytes(memory.total)}"
        )
        yield subject.error("hardware.memory_gb", problem, "`stepsearch plan` has the parts")
    elif needed > memory.available:
        problem = (
            f"{gigabytes(needed)} of main memory are needed, {gigabytes(memory.available)} are free now"
        )
        yield subject.warning("hardware.memory_gb", problem, "end what else runs here")


def check_disk(subject: Subject) -> Iterator[Finding]:
    """There is room for what the stages write, besides what they have written already."""
    plan = subject.plan
    if plan is None:
        return
    places = {"checkpoints": ROOT}
    needed: dict[int, float] = {}
    where: dict[int, Path] = {}
    for part, size in plan.disk.items():
        folder = existing(places.get(part, subject.data))
        device = folder.stat().st_dev
        needed[device] = needed.get(device, 0) + size
        where.setdefault(device, folder)
    for device, wanted in needed.items():
        written = sum(
            size_of(folder) for folder in (subject.data, ROOT) if existing(folder).stat().st_dev == device
        )
        free = shutil.disk_usage(where[device]).free
        if wanted - written > free:
            place = where[device].resolve()
            problem = f"{gigabytes(wanted)} will be written below {place}, where {gigabytes(free)} are free"
            yield subject.error(
                "hardware.disk_gb", problem, f"free space, or put data/, checkpoints/ and {CACHE} elsewhere"
            )
