"""A plan as text: what `stepsearch plan` prints."""

from __future__ import annotations

from stepsearch_core.params import Params
from stepsearch_core.params.cards import CARDS
from stepsearch_core.planning.disk import built_indexes, passage_count
from stepsearch_core.planning.duration import Durations
from stepsearch_core.planning.plan import Plan, gb
from stepsearch_core.planning.speed import BANDWIDTH_SHARE, COMPUTE_SHARE, PASS_SECONDS
from stepsearch_core.training.pace import Pace
from stepsearch_core.training.tracker import PHASES


def plan_lines(plan: Plan, params: Params, pace: Pace | None = None) -> list[str]:
    """The plan, section by section with an empty line between them; with `pace` what a run took so far."""
    sections = [
        _policy_lines(plan, params),
        _time_lines(plan.durations, params, measured=pace is not None) + _pace_lines(pace, params),
        _memory_lines(plan, params),
        [f"dense index in main memory: {_index(plan, params)}", *_offloaded_lines(plan)],
        _disk_lines(plan, params),
        [f"downloads: {', '.join(plan.downloads) or 'none'}"],
        [f"DeepSpeed: {plan.deepspeed}", *([f"vLLM: {plan.vllm}"] if plan.vllm else [])],
    ]
    first, *others = sections
    return first + [line for section in others for line in ("", *section)]


def spell(seconds: float) -> str:
    """A duration in the unit that suits it: 41 s, 2.1 min, 12 min, 3.1 h, 126 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.{int(seconds < 600)}f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 360_000 else f"{seconds / 3600:.0f} h"


def _policy_lines(plan: Plan, params: Params) -> list[str]:
    trained = plan.shape.trained + plan.shape.critic + plan.shape.value_head
    at_most = "" if params.model.source else "at most "  # a tokenizer of its own may find fewer words
    return [
        f"profile            {params.profile}",
        f"policy             {at_most}{plan.shape.parameters:,} parameters ({trained:,} trained)",
        f"tokens a step      {plan.tokens_per_step:,} at most",
    ]


def _time_lines(durations: Durations | None, params: Params, measured: bool) -> list[str]:
    """Seconds and hours with what they rest on, or how to come by them."""
    if durations is None:
        return [] if measured else ["time: not known for this hardware; once `train` has made steps it is"]
    card, train = params.hardware.gpu, params.train
    parts = {"rollout": durations.rollout, "scoring": durations.scoring, "update": durations.update}
    step = ", ".join(f"{name} {spell(seconds)}" for name, seconds in parts.items())
    hours = train.processes * durations.train / 3600
    lines = [
        f"time on {train.processes} x {card}: {spell(durations.step)} a step ({step})",
        f"  train              {spell(durations.train):>10} ({train.steps} steps, {hours:.3g} GPU-hours)",
    ]
    others = {
        "warm start": (durations.warmstart, params.warmstart.processes),
        "evaluation": (durations.evaluate, params.evaluate.processes),
        "encoding passages": (durations.encode, params.index.processes),
    }
    for name, (seconds, processes) in others.items():
        if seconds:
            on = "" if processes == train.processes else f" (on {processes} x {card})"
            lines.append(f"  {name:<18} {spell(seconds):>10}{on}")
    total = durations.train + sum(seconds or 0.0 for seconds, _ in others.values())
    return [*lines, f"  all of these       {spell(total):>10}", *_assumptions(durations, params)]


def _pace_lines(pace: Pace | None, params: Params) -> list[str]:
    """What a run of this profile has shown, and what is left of it."""
    if pace is None:
        return []
    steps, left = params.train.steps, max(0, params.train.steps - pace.done)
    phases = ", ".join(f"{phase} {spell(pace.mean(phase))}" for phase in PHASES)
    so_far = sum(row["seconds"] for row in pace.rows)
    lines = [
        f"measured here: {spell(pace.mean())} a step ({phases})",
        f"  train              {spell(so_far):>10} for {pace.done} of {steps} steps"
        + (f", {spell(left * pace.mean())} for those left" if left else ""),
    ]
    if others := pace.differences(params):
        lines.append(f"  the run had other values of {', '.join(others)}")
    return lines


def _assumptions(durations: Durations, params: Params) -> list[str]:
    lengths, card = durations.lengths, CARDS[params.hardware.gpu or ""]
    wait = PASS_SECONDS[params.rollout.engine]
    return [
        f"  assumed: trajectories of {lengths.tokens:,} tokens, {lengths.written:,} of them written,",
        f"    {COMPUTE_SHARE:.0%} of {card.tflops:g} TFLOP/s, {BANDWIDTH_SHARE:.0%} of"
        f" {card.bandwidth:,g} GB/s, {wait * 1000:g} ms a decoding pass besides;",
        "    searches, communication and checkpoints are not counted, nor are fetching, BM25 and synthesis",
    ]


def _memory_lines(plan: Plan, params: Params) -> list[str]:
    hardware = params.hardware
    where = (
        f"each of {hardware.gpus} GPUs of {hardware.gpu_memory_gb:g} GB" if hardware.gpus else "main memory"
    )
    parts_of = {
        "always": plan.states,
        "sampling": plan.sampling,
        "update": plan.update,
        "warmstart": plan.warmstart,
    }
    lines = [f"{where}: {gb(plan.peak)} at most"]
    for title, parts in parts_of.items():
        lines += [f"  {title:<9} {name:<18} {gb(size):>10}" for name, size in parts.items()]
    return lines


def _offloaded_lines(plan: Plan) -> list[str]:
    sizes = {
        "offloaded to main memory, by all processes": plan.offloaded,
        "states for the value head in main memory, at most": plan.kept_states,
    }
    return [f"{what}: {gb(size)}" for what, size in sizes.items() if size]


def _index(plan: Plan, params: Params) -> str:
    if "dense" not in built_indexes(params):
        return "none"
    return gb(plan.index) if passage_count(params.fetch) else "known once the corpus is fetched"


def _disk_lines(plan: Plan, params: Params) -> list[str]:
    known = passage_count(params.fetch) is not None
    total = f"disk: {gb(sum(plan.disk.values()))}" + ("" if known else ", besides corpus and indexes")
    return [total, *(f"  {name:<28} {gb(size):>10}" for name, size in plan.disk.items() if size)]
