"""What relational sub-questions ask in plain words, and by which words passages tell of it.

`relations.yaml` has the relations that MuSiQue names (after Wikidata's properties). Of any other one the
question is "What is the RELATION of ENTITY?", and nothing is known of how passages put it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

RELATIONS = Path(__file__).with_name("relations.yaml")


@dataclass(frozen=True, slots=True)
class Relation:
    """A question in which `{}` stands for the entity, and words of passages, maybe none."""

    question: str
    words: str

    def ask(self, entity: str) -> str:
        """The question about an entity."""
        return self.question.replace("{}", entity)


def relation(name: str) -> Relation:
    """The relation of this name, whatever its case."""
    known = _known().get(name.lower())
    return known or Relation(f"What is the {name.lower()} of {{}}?", "")


@cache
def _known() -> dict[str, Relation]:
    rows = yaml.safe_load(RELATIONS.read_text(encoding="utf-8"))
    return {name: Relation(question, words) for name, (question, words) in rows.items()}
