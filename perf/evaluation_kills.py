"""Evaluations of all policies of the active profile, ended with -9 at random moments, again and again.

An evaluation that is left alone comes first. Then each round starts from nothing and kills what was started,
each time at some moment after its first answer, until one start gets through. `resume_equal` is the share of
its records, over all rounds, policies and questions, that are those of the evaluation that was left alone.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

from perf.measure import Measured
from stepsearch_core.base.io import read_json, read_jsonl, write_json
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.evaluation.examination import examine
from stepsearch_core.params import Params
from stepsearch_core.rollout.records import write_records

_SECONDS = "seconds.json"
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "transformers.models.qwen3.modeling_qwen3"])  # imports take long
Rows = dict[tuple[str, str], list[dict[str, object]]]
"""Records by policy and benchmark."""


def resumed(data: Path, params: Params, rounds: int) -> Measured:
    """Kill and finish so many evaluations."""
    draw = draws(0, Name.MEASUREMENT)
    kills = kept = equal = asked = 0
    lasted: list[float] = []
    with tempfile.TemporaryDirectory(prefix="stepsearch-evaluation-kills-") as name:
        alone = Path(name) / "alone"
        _evaluate(data, params, alone, None)
        expected = _rows(alone)
        seconds = read_json(alone / _SECONDS)
        for number in range(rounds):
            folder = Path(name) / str(number)
            while not _evaluate(data, params, folder, draw.uniform(0, 0.6) * sum(seconds.values())):
                kills += 1
                kept += _kept(folder)
            made = _rows(folder)
            asked += sum(map(len, expected.values()))
            equal += sum(
                sum(map(dict.__eq__, rows, made.get(where, []))) for where, rows in expected.items()
            )
            lasted.append(sum(read_json(folder / _SECONDS).values()))
    return Measured(
        {"resume_equal": equal / asked},
        {"seconds_left_alone": sum(seconds.values()), "seconds_resumed": lasted},
        {"kills": kills, "answers_found_kept": kept, "rounds": rounds},
    )


def _evaluate(data: Path, params: Params, folder: Path, kill_after: float | None) -> bool:
    """Go on with the evaluation in a folder; whether it ended before it was killed."""
    process = _CONTEXT.Process(target=_work, args=(data, params, folder))
    before = _kept(folder)
    process.start()
    while kill_after is not None and process.is_alive() and _kept(folder) == before:
        process.join(
            0.02
        )  # until it has opened everything: no start would get beyond that in so short a time
    process.join(kill_after)
    if process.exitcode is None:
        process.kill()
        process.join()
        return False
    if process.exitcode:
        raise RuntimeError(f"the evaluation ended with status {process.exitcode}")
    return True


def _kept(folder: Path) -> int:
    return sum(content.count(b"\n") for content in map(Path.read_bytes, folder.glob("kept/*/*.jsonl")))


def _work(data: Path, params: Params, folder: Path) -> None:
    examined = examine(data, params, folder / "kept")
    assert examined is not None
    for policy, records in examined.records.items():
        write_records(folder / "records" / policy, records)
    write_json(folder / _SECONDS, examined.seconds)


def _rows(folder: Path) -> Rows:
    return {
        (path.parent.name, path.stem): [row for _, row in read_jsonl(path)]
        for path in sorted(folder.glob("records/*/*.jsonl"))
    }
