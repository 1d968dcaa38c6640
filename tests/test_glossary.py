"""The glossary and the code use the same words."""

import importlib
import re
from typing import Any

import pytest

from stepsearch_core.params import Params
from tests.import_graph import ROOT

ROWS = re.findall(
    r"^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \| (.+?) \|$",
    (ROOT / "docs/glossary.md").read_text("utf-8"),
    re.MULTILINE,
)
GONE = {
    "Step": "a hop",
    "Record": "an example of a benchmark",
    "Sampled": "a scored batch",
    "DeepSpeedTrainer": "an engine",
    "Words": "a segmenter",
}
"""Names that a thing of another name once had."""


def resolves(name: str) -> bool:
    """Whether a dotted name leads to a module's attribute, a dataclass's field or a parameter."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(["stepsearch_core", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        return leads_on(found, parts[length:]) or leads_on(Params, parts)
    return leads_on(Params, parts)


def leads_on(found: Any, parts: list[str]) -> bool:
    for part in parts:
        fields = getattr(found, "__dataclass_fields__", {})
        if not hasattr(found, part) and part not in fields:
            return False
        found = getattr(found, part, None) or fields[part].default_factory
    return True


def test_every_word_stands_once_and_in_four_columns():
    lines = (ROOT / "docs/glossary.md").read_text("utf-8").splitlines()
    assert len(ROWS) == sum(line.startswith("| **") for line in lines) > 30
    assert len({word for word, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("word", "where"), [(row[0], row[2]) for row in ROWS])
def test_what_the_glossary_names_exists(word, where):
    named = re.findall(r"`(.+?)`", where)
    assert named
    lost = [name for name in named if not (ROOT / name).is_file() and not resolves(name)]
    assert not lost


def test_no_class_bears_a_word_that_has_another_meaning():
    for path in (ROOT / "stepsearch_core").rglob("*.py"):
        for name in re.findall(
            r"^(?:class )?(\w+)(?:\(.*\))?(?::$| = Callable)", path.read_text("utf-8"), re.MULTILINE
        ):
            assert name not in GONE, f"{path}: {name} is {GONE[name]}"
