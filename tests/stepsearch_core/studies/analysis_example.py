"""What the analysis of a study looks like, with plausible numbers, and runs of two variants to draw cases
from: a study without settings, one with three, hostile names, runs that are missing.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from stepsearch_core.metrics.measures import COMPARED, EVALUATED
from stepsearch_core.rollout.records import QuestionRecord
from stepsearch_core.studies.estimates import SEARCHING
from stepsearch_core.studies.outcomes import Outcome
from tests.report_data import HOSTILE, record_of

COLUMNS = ("musique", "2wikimultihopqa", "hotpotqa", "bamboogle", "mean")
METHODS = {
    "steppo": ("StePPO", [], 0.440),
    "ppo": ("Outcome PPO", ["train.algorithm=ppo"], 0.415),
    "grpo": ("GRPO", ["train.algorithm=grpo"], 0.402),
    "rloo": ("RLOO", ["train.algorithm=rloo"], 0.407),
    "reinforce": (f"REINFORCE++ {HOSTILE}", ["train.algorithm=reinforce_pp"], 0.396),
}
PUBLISHED = {"steppo": "StePPO", "ppo": "PPO", "grpo": "GRPO"}
ABLATION = ("key reward", "information gain", "redundancy penalty", "step rewards")
HOPS = {"two": "2 hops", "three": "3 hops", "four": "4 hops"}
STEPS = 40
A_STEP = 128
"""Trajectories."""


def cell(value: float | None, half: float = 0.02, n: int = 5) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def difference(value: float, half: float = 0.02, p: float = 0.01) -> dict[str, Any]:
    return cell(value, half) | {"p": p, "p_holm": min(1.0, 4 * p), "detectable": 1.4 * half}


def measures(f1: float) -> dict[str, Any]:
    counts = {"searches": 3.1, "over_search": 0.2, "written_tokens": 44.0}
    shares = {"f1": f1, "em": f1 - 0.03, "cover_em": f1 - 0.01, "support_recall": 0.81}
    return {
        key: cell(shares.get(key, counts.get(key, 0.12)), 0.02 if key in shares else 0.05)
        for key in EVALUATED
    } | {"cut_passages": cell(None)}


def curve(goal: float, pace: float, half: float, every: int = 1) -> list[dict[str, Any]]:
    """Rising from nothing towards a goal, faster with more `pace`."""
    return [
        {
            "step": step,
            "trajectories": step * A_STEP,
            "mean": (mean := goal * (1 - math.exp(-pace * step)) + 0.004 * math.sin(5 * step)),
            "low": mean - half,
            "high": mean + half,
            "n": 5,
        }
        for step in range(0 if every > 1 else 1, STEPS + 1, every)
    ]


def curves(f1: float, pace: float) -> dict[str, Any]:
    return {
        "validation/f1": curve(f1 + 0.2, pace, 0.02, 5),
        "f1": curve(f1 + 0.17, pace, 0.025),
        "response_length": curve(220.0, 0.3, 6.0),
        "reward/search_key": curve(0.8, pace, 0.03),
        "searches": curve(3.2, 0.5, 0.1),
        "redundancy": curve(0.2, 0.05, 0.02),
        "support_recall": curve(0.8, pace, 0.02),
        "kl_reference": curve(0.05, 0.05, 0.004),
    }


def efficiency(number: int, baseline: bool) -> dict[str, Any]:
    """Of the third variant on, some runs never come to the goal."""
    never = max(0, number - 1)
    ratio, share = needed(0.6 + 0.2 * number, 0.15, never), needed(0.625, 0.125, never)
    reached = [*[3200.0, 2560.0, 2880.0, 3840.0, 3520.0][never:], *[None] * never]
    found = {
        "area": cell(0.55 - 0.01 * number),
        "reached": needed(3200.0, 640.0, never) | {"goal": 0.61, "trajectories": reached},
        "ratio": ratio,
        "share": share,
        "tokens": {"ratio": ratio, "share": share},
    }
    return found if baseline else found | {"area_difference": difference(0.03 - 0.01 * number)}


def needed(value: float, half: float, never: int) -> dict[str, Any]:
    unknown = {"value": None, "high": None} if never else {}
    return cell(value, half) | {"never": never} | unknown


def make_analysis(**changed: Any) -> dict[str, Any]:
    """Of `METHODS`, without settings; StePPO a little better than the baseline."""
    return study_of("methods", {"": ""}, METHODS, "ppo") | changed


def make_hops() -> dict[str, Any]:
    """Two methods in three settings."""
    return study_of("hops", HOPS, {name: METHODS[name] for name in ("steppo", "ppo")}, "ppo")


def make_ablation() -> dict[str, Any]:
    """Nine variants, whose names the paper has too."""
    variants = {"full": ("Full", [], 0.41)}
    for number, part in enumerate(ABLATION):
        for words in (f"without {part}", f"only {part}"):
            change = f"reward.{part.replace(' ', '_')}=0"
            variants[words.replace(" ", "_")] = (words.capitalize(), [change], 0.4 - 0.01 * number)
    made = study_of("ablation", {"": ""}, variants, "full")
    for entry in made["variants"]:
        entry["published"] = entry["label"][:1].lower() + entry["label"][1:]
    return made


def study_of(
    name: str, settings: dict[str, str], variants: dict[str, tuple[str, list[str], float]], baseline: str
) -> dict[str, Any]:
    f1 = {variant: ends for variant, (_, _, ends) in variants.items()}
    others = [variant for variant in variants if variant != baseline]
    order = {variant: number for number, variant in enumerate(variants)}

    def of_all(made: Any, names: Any = tuple(variants)) -> dict[str, Any]:
        return {setting: {variant: made(variant) for variant in names} for setting in settings}

    return {
        "study": name,
        "title": "Do step rewards help?",
        "profile": "tiny",
        "baseline": baseline,
        "confidence": 0.95,
        "settings": [{"name": key, "label": label, "changes": []} for key, label in settings.items()],
        "variants": [
            {"name": key, "label": label, "changes": changes, "replicates": 5}
            | ({"published": PUBLISHED[key]} if key in PUBLISHED else {})
            for key, (label, changes, _) in variants.items()
        ],
        "columns": list(COLUMNS),
        "scores": of_all(lambda variant: {column: measures(f1[variant]) for column in COLUMNS}),
        "start": {setting: {column: measures(0.2) for column in COLUMNS} for setting in settings},
        "differences": of_all(
            lambda variant: {
                column: {key: difference(f1[variant] - f1[baseline]) for key in COMPARED}
                | {key: difference(0.3) for key in SEARCHING}
                for column in COLUMNS
            },
            others,
        ),
        "curves": of_all(lambda variant: curves(f1[variant], 0.12 / (1 + 0.2 * order[variant]))),
        "efficiency": of_all(lambda variant: efficiency(order[variant], variant == baseline)),
        "cost": of_all(
            lambda variant: {"trajectories": 5120.0, "policy_tokens": 225_000.0, "seconds": 312.5}
        ),
        "missing": [
            {"setting": next(iter(settings)), "variant": others[-1], "replicate": 4, "reason": HOSTILE}
        ],
        "tuning": {variant: grid_of(order[variant]) for variant in list(variants)[:3]},
        "provenance": {
            "commit": "a" * 40,
            "data": {"musique": "c" * 64, "world 7": "d" * 64},
            "packages": {"torch": "2.11.0", "transformers": "5.16.1"},
        },
    }


def grid_of(number: int) -> dict[str, Any]:
    grid = [
        {
            "point": {"train.learning_rate": rate, "train.kl_weight": weight},
            "score": 0.5 + 10 * rate - weight,
            "scores": [0.49 + 10 * rate - weight, 0.51 + 10 * rate - weight],
        }
        for rate in (0.0003, 0.001, 0.003)
        for weight in (0.0, 0.001)
    ]
    return {"grid": grid, "chosen": grid[(2 + number) % len(grid)]["point"]}


def answered(number: int, f1: float) -> QuestionRecord:
    made = record_of(number, em=float(f1 == 1.0), f1=f1)
    return replace(made, question=f"{made.question} {HOSTILE}")


def make_outcomes(setting: str = "") -> list[Outcome]:
    """Six questions, three replicates: 0 is gained in all three, 1 in one, 2 lost in two; 3 to 5 always
    fail.
    """
    f1 = {
        "steppo": ([1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0]),
        "ppo": ([0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 0]),
    }
    return [
        Outcome(
            setting,
            variant,
            replicate,
            f"seed {replicate}, world 7",
            log_of(0.5 + 0.01 * replicate, 0.3 if variant == "steppo" else 0.2),
            {"musique": _by_id(map(float, scores))},
            {"musique": _by_id([0.0] * 6)},
            A_STEP,
            300.0,
        )
        for variant, replicates in f1.items()
        for replicate, scores in enumerate(replicates)
    ]


def log_of(goal: float, pace: float) -> list[dict[str, Any]]:
    """Rows of training's log, validated at every fifth step."""
    rows: list[dict[str, Any]] = []
    for step in range(STEPS + 1):
        f1 = goal * (1 - math.exp(-pace * step))
        trained = {"f1": f1 + 0.1, "response_length": 200.0, "written_tokens": 40.0} if step else {}
        rows.append({"step": step} | trained | ({"validation/f1": f1} if step % 5 == 0 else {}))
    return rows


def _by_id(scores: Any) -> dict[str, QuestionRecord]:
    records = [answered(number, score) for number, score in enumerate(scores)]
    return {record.id: record for record in records}
