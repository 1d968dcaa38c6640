"""The promoted policy answers the benchmarks again, and its answers are compared with earlier ones.

Writes `reevaluations/TIME/{records/,comparison.json}`, adds a line to `reevaluations/history.jsonl`, where
promotions are recorded too, and leaves a copy of the last comparison in `reevaluations/latest.json`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import atomic_folder, read_json, write_json
from stepsearch_core.base.journal import append
from stepsearch_core.base.ranks import is_main
from stepsearch_core.evaluation.comparison import Records, compare, read_evaluation, without_questions
from stepsearch_core.evaluation.examination import Examination
from stepsearch_core.evaluation.fingerprint import changes, fingerprint
from stepsearch_core.evaluation.promotion import (
    HISTORY,
    LATEST,
    PROMOTED,
    asked_again,
    now,
    read_promotion,
)
from stepsearch_core.params import Params
from stepsearch_core.rollout.records import write_records


def reevaluate(data: Path, params: Params, kept: Path | None = None) -> dict[str, Any] | None:
    """Evaluate, compare with the promotion and with the re-evaluation before this one, record.

    Args:
        data: as for `examine`, as the next two.
        params: sections as there.
        kept: answers so far.

    Returns:
        What `comparison.json` holds: when, of which promotion, what changed since, the comparisons; None on
        ranks but the first, which have answered their shares.

    Raises:
        DataError: nothing has been promoted, none of its questions was asked again, or a damaged or missing
            folder.
    """
    promotion = read_promotion(PROMOTED)
    earlier = {name: read_evaluation(path) for name, path in _earlier(promotion).items()}
    time = now()
    asked = asked_again(promotion, params)
    seen = fingerprint(data, asked)
    folder = HISTORY.parent / time.replace(":", "")
    examination = Examination(data, params, ["promoted"])
    records = examination.records("promoted", partial(examination.policy, PROMOTED / "policy", asked), kept)
    if not is_main():
        return None
    with atomic_folder(folder) as temporary:
        write_records(temporary / "records", records)
        answers: Records = {name: {record.id: record for record in made} for name, made in records.items()}
        against = {name: compare(records, answers) for name, records in earlier.items()}
        if not against["promotion"]["difference"]["f1"]["n"]:
            problem = "none of these questions was asked again, so that nothing can be compared"
            raise DataError(problem, PROMOTED / "records")
        policy = sha256_folder(PROMOTED / "policy")
        changed = changes(promotion["fingerprint"], seen) + ["policy"] * (policy != promotion["policy"])
        comparison = {
            "time": time,
            "promoted": promotion["time"],
            "records": str(folder / "records"),
            "changed": changed,
            "degraded": any(result["degraded"] for result in against.values()),
            "against": against,
        }
        write_json(temporary / "comparison.json", comparison)
    row = {"event": "reevaluation", "policy": policy, "fingerprint": seen, **without_questions(comparison)}
    append(HISTORY, row)
    write_json(LATEST, comparison)
    return comparison


def _earlier(promotion: dict[str, Any]) -> dict[str, Path]:
    """The records to compare with: the promotion's, and those of a re-evaluation of the same promotion."""
    earlier = {"promotion": PROMOTED / "records"}
    if LATEST.is_file():
        last = read_json(LATEST)
        records = Path(last["records"])
        if last["promoted"] == promotion["time"] and records.is_dir():
            earlier["previous"] = records
    return earlier
