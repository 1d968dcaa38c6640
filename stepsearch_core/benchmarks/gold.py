"""Which passage of a corpus is a gold paragraph: said once, where questions meet the corpus.

A benchmark names its gold passages by their content, and a corpus cut in another way holds few of them by
that name. `gold_matching` looks for them while the corpus is built and writes what it found into the
corpus's folder. `GoldMatches` rewrites a question's `support_ids` to what the corpus holds, so that rewards,
support recall and key filtering, which all read these ids, mean the same passages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_object
from stepsearch_core.base.types import Hop, Question
from stepsearch_core.data.row import Row

GOLD_FILE = "gold.json"
"""In the folder of a corpus."""
ALL_HOPS = "all"
"""Beside the numbers of the hops: all of them together."""


class Presence(StrEnum):
    """How a corpus holds a gold passage."""

    SAME_CONTENT = "same_content"
    ANOTHER_TEXT = "another_text"
    ADDED = "added"
    """It was missing, and `corpus.add_missing_gold` added it."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class GoldMatches:
    """Where the gold passages of the fetched benchmarks are in one corpus; without matches: by content.

    `another_text` has the corpus's id for each gold id that is there under another text.
    """

    another_text: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()

    @classmethod
    def open(cls, folder: Path | str) -> GoldMatches:
        """What was found when the corpus in `folder` was built.

        Raises:
            DataError: the folder holds no such file, or a damaged one.
        """
        path = Path(folder, GOLD_FILE)
        if not path.is_file():
            raise DataError("missing: build the corpus again (`dvc repro corpus`)", path)
        row = Row(str(path), read_object(path))
        matched, added, missing = (row.object(kind) for kind in ("another_text", "added", "missing"))
        another_text = {gold: matched.object(gold).text("passage") for gold in matched.value}
        return cls(another_text, frozenset(added.value), frozenset(missing.value))

    def __call__(self, question: Question) -> Question:
        """The question with the ids of its gold passages in the corpus; those of missing ones stay."""
        if self.another_text.keys().isdisjoint(question.support_ids):
            return question
        return replace(question, hops=tuple(map(self._in_corpus, question.hops)))

    def presence(self, gold_id: str) -> Presence:
        """How the corpus holds this gold passage."""
        if gold_id in self.another_text:
            return Presence.ANOTHER_TEXT
        if gold_id in self.added:
            return Presence.ADDED
        return Presence.MISSING if gold_id in self.missing else Presence.SAME_CONTENT

    def _in_corpus(self, hop: Hop) -> Hop:
        ids = (self.another_text.get(gold_id, gold_id) for gold_id in hop.support_ids)
        return replace(hop, support_ids=tuple(dict.fromkeys(ids)))


def hop_supports(questions: Iterable[Question]) -> Iterator[tuple[int, str]]:
    """The number of a hop, from 1, with the id of each passage that supports it, of all questions."""
    for question in questions:
        for number, hop in enumerate(question.hops, start=1):
            for gold_id in hop.support_ids:
                yield number, gold_id


def count_by_hop(
    supports: Iterable[tuple[int, str]], presence: Callable[[str], Presence]
) -> dict[str, dict[str, int]]:
    """How many supports of hops there are, and of these how many are held in which way.

    Returns:
        A row for each number of a hop that occurs, and one of all hops. A passage that supports several
        hops counts as often.
    """
    counts: dict[int, Counter[Presence]] = {}
    for number, gold_id in supports:
        counts.setdefault(number, Counter())[presence(gold_id)] += 1
    rows = {str(number): counts[number] for number in sorted(counts)}
    rows[ALL_HOPS] = sum(counts.values(), Counter())
    return {
        name: {"supports": row.total(), **{kind.value: row[kind] for kind in Presence}}
        for name, row in rows.items()
    }
