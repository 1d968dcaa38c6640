"""What the page's trajectory viewer has: evaluated answers of every policy and trajectories of training.

They are embedded in chunks that the browser unpacks when they are looked at; a passage stands once in the
chunk of all passages and is meant by its number. Where not all fit into `report.trajectories_mb`, training
keeps the first trajectories of each step within half of it, and the rest goes to questions drawn as case
studies are, equally many of each outcome; the page says how many of how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stepsearch_core.report.cases import SHARES, compared, drawn
from stepsearch_core.report.inputs import Records
from stepsearch_core.report.packing import Chunks, pack, pack_within
from stepsearch_core.report.results import name_of
from stepsearch_core.report.trajectories import VALUES, KeptTrajectory
from stepsearch_core.report.viewer_rows import Passages, question_row, record_row, token_row
from stepsearch_core.rollout.records import QuestionRecord

MODES = {
    "author": "Author",
    "reward": "Reward",
    "advantage": "Advantage",
    "value": "Value",
    "log_ratio": "Log-probability ratio",
    "kl": "KL",
}
"""What tokens are coloured by: their author, or a number that they have."""
COLOURED = tuple(name for name in VALUES if name in MODES)
ROBUST = 98
"""The percentile of sizes (of what is not 0) that has the full colour: a few outliers fade no others."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """`index` says what there is and is read at once, `chunks` hold it."""

    index: dict[str, Any]
    chunks: Chunks


def make_viewer(records: Records, kept: Sequence[KeptTrajectory], megabytes: float, seed: int = 0) -> Viewer:
    """Embed what fits.

    Args:
        records: of the evaluated policies.
        kept: trajectories of training, if there was any.
        megabytes: 10^6 bytes that all chunks together may take.
        seed: of the draw of questions.
    """
    limit = megabytes * 1e6
    in_turn = _steps_in_turn(kept)
    of_training, chunks = pack_within(
        len(in_turn), lambda count: _training_chunks(in_turn[:count]), limit / 2
    )
    questions = list(drawn(records, seed, dict.fromkeys(SHARES, 1)))
    left = limit - sum(map(len, chunks.values()))
    of_questions, evaluated = pack_within(
        len(questions), lambda count: _evaluated_chunks(records, questions[:count]), left
    )
    shown = in_turn[:of_training]
    benchmarks = dict.fromkeys(benchmark for found in records.values() for benchmark in found)
    datasets = dict.fromkeys(made.record.dataset for made in shown)
    index = {
        "modes": MODES,
        "names": {key: name_of(key) for key in (*records, *benchmarks, *datasets)},
        "policies": list(records),
        "compared": list(compared(records)),
        "evaluated": [of_questions, len(questions)],
        "steps": _steps(shown),
        "kept": [of_training, len(kept)],
        "scales": scales(shown),
        "turn_scale": _scale([reward for record in _all(records) for reward in turn_rewards(record)]),
    }
    return Viewer(index, chunks | evaluated)


def scales(kept: Sequence[KeptTrajectory]) -> dict[str, dict[str, Any]]:
    """For each of `COLOURED` that any trajectory has: `limit`, the size with the full colour, `signed`,
    whether any is below 0. All steps share them, so that their colours compare.
    """
    known = [made.tokens.values for made in kept if made.tokens]
    found = {name: [x for values in known for x in values.get(name, ())] for name in COLOURED}
    return {name: _scale(numbers) for name, numbers in found.items() if numbers}


def turn_rewards(record: QuestionRecord) -> list[float]:
    """Unweighted rewards of an evaluated answer: gain minus redundancy of each search, then those of the
    answer and its search keys.
    """
    steps = [
        turn.information_gain - (turn.redundancy or 0.0)
        for turn in record.turns
        if turn.information_gain is not None
    ]
    return [*steps, record.answer_reward + record.search_key_reward]


def _scale(numbers: Sequence[float | None]) -> dict[str, Any]:
    known = np.array([x for x in numbers if x], dtype=np.float64)
    known = known[np.isfinite(known)]
    limit = float(np.percentile(np.abs(known), ROBUST)) if known.size else 0.0
    return {"limit": float(f"{limit:.3g}"), "signed": bool((known < 0).any())}


def _all(records: Records) -> list[QuestionRecord]:
    return [
        record
        for benchmarks in records.values()
        for found in benchmarks.values()
        for record in found.values()
    ]


def _steps_in_turn(kept: Sequence[KeptTrajectory]) -> list[KeptTrajectory]:
    """The first trajectory of every step, then the second ones, and so on."""
    places: dict[int, int] = {}
    ranked = []
    for made in kept:
        places[made.step] = places.get(made.step, -1) + 1
        ranked.append((places[made.step], made.step, made))
    return [made for *_, made in sorted(ranked, key=lambda item: item[:2])]


def _steps(kept: Sequence[KeptTrajectory]) -> list[int]:
    return sorted({made.step for made in kept})


def _training_chunks(kept: Sequence[KeptTrajectory]) -> Chunks:
    passages = Passages()
    steps: dict[int, list[dict[str, Any]]] = {step: [] for step in _steps(kept)}
    for made in kept:
        steps[made.step].append(
            {
                "question": question_row(made.record.dataset, made.record),
                **record_row(made.record, passages),
                **({"tokens": token_row(made.tokens)} if made.tokens else {}),
            }
        )
    chunks = {f"training/{step}": pack(rows) for step, rows in steps.items()}
    return {**chunks, "training/passages": pack(passages.shown)}


def _evaluated_chunks(records: Records, questions: Sequence[tuple[str, str, str]]) -> Chunks:
    """Questions in the order of their benchmarks' files; the answers of each policy in the same order."""
    chosen = {(benchmark, question) for _, benchmark, question in questions}
    passages = Passages()
    answered = records[compared(records)[1]]
    order = [
        (benchmark, record)
        for benchmark, found in answered.items()
        for record in found.values()
        if (benchmark, record.id) in chosen
    ]
    chunks = {"evaluated/questions": pack([question_row(*item) for item in order])}
    for number, benchmarks in enumerate(records.values()):
        found = [benchmarks.get(benchmark, {}).get(record.id) for benchmark, record in order]
        rows = [record_row(record, passages) if record else None for record in found]
        chunks[f"evaluated/{number}"] = pack(rows)
    return {**chunks, "evaluated/passages": pack(passages.shown)}
