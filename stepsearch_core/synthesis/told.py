"""What the model of `synthesize.generator_model` is told: a file for each kind of work, or one's own."""

from __future__ import annotations

from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.endpoint.prompts import read_prompt

PROMPTS = Path(__file__).with_name("prompts")
WORKS = tuple(sorted(path.stem for path in PROMPTS.glob("*.md")))
"""Names of the files, without suffix."""
_KEY = "synthesize.prompts"


def told(work: str, folder: str | None) -> str:
    """The text for one of `WORKS`.

    Args:
        work: its name.
        folder: of `synthesize.prompts`; what it lacks is ours.

    Raises:
        DataError: there is no such folder, it holds a file for no work, or the file cannot be read.
    """
    usual = PROMPTS / f"{work}.md"
    if folder is None:
        return read_prompt(None, usual, _KEY)
    own = sorted(Path(folder).glob("*.md"))
    if not own:
        raise DataError(f"holds none of {_files()}", folder, field=_KEY)
    for path in own:
        if path.stem not in WORKS:
            raise DataError(f"is none of {_files()}", path, field=_KEY)
    given = Path(folder) / usual.name
    return read_prompt(str(given) if given in own else None, usual, _KEY)


def _files() -> str:
    return ", ".join(f"{work}.md" for work in WORKS)
