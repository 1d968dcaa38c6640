"""What DVC's files say of this checkout, for `stepsearch doctor`: outputs that are missing, damaged, stale.

Nothing is hashed: `dvc status` does that, and takes as long as the data are large. dvc.lock has the number
and size of the files that a stage has written, and the parameters that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from stepsearch_core.checking.finding import Finding, Severity
from tasks.repair import LOCK, RWLOCK, lock_is_damaged, rwlock_is_stale
from tasks.stage import DATA

REPAIR = "python -m tasks.repair"


def look(params: str = "params.yaml") -> list[dict[str, Any]]:
    """Findings about dvc.lock and the stages' outputs, as plain values, under the parameters of a file."""
    return [asdict(finding) for finding in _findings(Path(params))]


def _findings(params: Path) -> Iterator[Finding]:
    if rwlock_is_stale():
        problem = "damaged, or left by a process that was killed: DVC refuses to start"
        yield Finding(Severity.ERROR, str(RWLOCK), "", problem, REPAIR)
    if lock_is_damaged():
        yield Finding(Severity.ERROR, str(LOCK), "", "damaged: DVC refuses to start", REPAIR)
        return
    try:
        recorded = yaml.safe_load(LOCK.read_bytes())["stages"]
    except FileNotFoundError:
        return
    active = yaml.safe_load(params.read_bytes()) if params.is_file() else {}
    for stage, entry in recorded.items():
        for output in entry.get("outs", ()):
            yield from _output(stage, output)
        if (DATA / stage).is_dir():
            yield from _parameters(stage, entry.get("params", {}).get(params.name, {}), active)
    for folder in sorted(DATA.iterdir()) if DATA.is_dir() else ():
        if (stage := folder.name) in _stages() and stage not in recorded:
            problem = "of a stage that did not come to its end: DVC knows nothing of it"
            yield Finding(Severity.WARNING, str(folder), "", problem, f"dvc repro {stage}")


def _output(stage: str, output: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether an output is there with all its files."""
    path = Path(output["path"])
    if not path.exists():
        yield Finding(Severity.NOTE, str(path), "", "was made and is not here", f"dvc repro {stage}")
        return
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    if len(files) != output.get("nfiles", 1) or size != output["size"]:
        problem = (
            f"{len(files)} files of {size:,} bytes, and the stage wrote {output.get('nfiles', 1)}"
            f" of {output['size']:,}"
        )
        yield Finding(Severity.WARNING, str(path), "", problem, f"dvc repro {stage}")


def _parameters(stage: str, made_with: Mapping[str, Any], active: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the stage was given the parameters that are active."""
    changed = sorted(_changed(made_with, active))
    if changed:
        named = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
        problem = f"was made with another {named}"
        yield Finding(Severity.NOTE, str(DATA / stage), "", problem, f"dvc repro {stage}")


def _changed(made_with: Any, active: Any, key: str = "") -> Iterator[str]:
    """Dotted keys whose values differ."""
    if isinstance(made_with, dict) and isinstance(active, dict) and made_with:
        for name, value in made_with.items():
            yield from _changed(value, active.get(name), f"{key}.{name}".lstrip("."))
    elif made_with != active:
        yield key


def _stages() -> set[str]:
    return set(yaml.safe_load(Path("dvc.yaml").read_bytes())["stages"])
