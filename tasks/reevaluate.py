"""Outside of the DAG: the promoted policy answers the benchmarks again, and its answers are compared with
earlier ones.

Always runs, whatever DVC thinks is up to date. Writes `reevaluations/TIME/{records/,comparison.json}`, adds
a line to `reevaluations/history.jsonl`, where promotions are recorded too, and prints the verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import atomic_folder, read_json, write_json
from stepsearch_core.evaluation.fingerprint import changes, fingerprint
from stepsearch_core.evaluation.promotion import HISTORY, PROMOTED, append, now, read_promotion
from stepsearch_core.evaluation.reevaluation import compare, read_records
from stepsearch_core.params import Params
from tasks.evaluate import Examination
from tasks.stage import DATA, run

LATEST = HISTORY.with_name("latest.json")
"""A copy of the last `comparison.json`, for who starts this and reads the verdict."""

SIDES = {"promotion": "promotion", "previous": "re-evaluation before"}


def main(params: Params) -> None:
    """Evaluate, compare with the promotion and with the re-evaluation before this one, record."""
    promotion = read_promotion(PROMOTED)
    previous = _previous(promotion)
    time = now()
    folder = HISTORY.parent / time.replace(":", "")
    with atomic_folder(folder) as temporary:
        examination = Examination(params)
        examination.records(
            examination.policy("promoted", PROMOTED / "policy", params), temporary / "records"
        )
        answers = read_records(temporary / "records")
        against = {"promotion": PROMOTED / "records", **({"previous": previous} if previous else {})}
        compared = {name: compare(read_records(earlier), answers) for name, earlier in against.items()}
        if not compared["promotion"]["difference"]["f1"]["n"]:
            raise DataError(
                "none of these questions was asked again, so that nothing can be compared",
                against["promotion"],
            )
        seen = fingerprint(DATA, params)
        policy = sha256_folder(PROMOTED / "policy")
        comparison = {
            "time": time,
            "promoted": promotion["time"],
            "records": str(folder / "records"),
            "changed": (
                changes(promotion["fingerprint"], seen) + ["policy"] * (policy != promotion["policy"])
            ),
            "degraded": any(result["degraded"] for result in compared.values()),
            "against": compared,
        }
        write_json(temporary / "comparison.json", comparison)
    append(HISTORY, {"event": "reevaluation", "policy": policy, "fingerprint": seen, **_line(comparison)})
    write_json(LATEST, comparison)
    print(verdict(comparison))


def verdict(comparison: dict[str, Any]) -> str:
    """One sentence for people."""
    against = next((name for name, of in comparison["against"].items() if of["degraded"]), "promotion")
    f1 = comparison["against"][against]["difference"]["f1"]
    changed = ", ".join(comparison["changed"]) or "nothing"
    state = "WORSE" if comparison["degraded"] else "not significantly worse"
    return (
        f"{state}: F1 {f1['value']:+.3f} [{f1['low']:+.3f}, {f1['high']:+.3f}] against the {SIDES[against]},"
        f" paired over {f1['n']} questions; changed since the promotion: {changed}"
    )


def _line(comparison: dict[str, Any]) -> dict[str, Any]:
    """The comparison without its worst questions, which stay in the run's folder."""
    brief = {
        name: {key: value for key, value in result.items() if key != "worst"}
        for name, result in comparison["against"].items()
    }
    return {**comparison, "against": brief}


def _previous(promotion: dict[str, Any]) -> Path | None:
    """The records of the last re-evaluation of the same promotion, if there is one."""
    if not LATEST.is_file():
        return None
    last = read_json(LATEST)
    records = Path(last["records"])
    return records if last["promoted"] == promotion["time"] and records.is_dir() else None


if __name__ == "__main__":
    run("reevaluate", main)
