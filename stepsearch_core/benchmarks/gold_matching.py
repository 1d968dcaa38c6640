"""The rule by which gold passages are found in a corpus that was cut in another way, and its one pass.

A gold passage is the corpus passage of the same content; or else, of the corpus passages with the same title
(the same words in it) and a text that overlaps with its own by at least `corpus.gold_overlap`, the one that
has most words in common with it, and of equal ones the first; or else it is missing.

Texts overlap by the share of the shorter one's words that the longer one has, too (the overlap coefficient
of the two multisets of words): a chunk is often a part of a paragraph, or has one as its part. The largest
overlap alone would be that of an article's last chunk if this is a few words long.
`python -m perf gold_overlap` measures what the limit finds and mistakes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.io import write_json
from stepsearch_core.base.text import normalize, passage_id, squeeze, words
from stepsearch_core.base.types import Passage
from stepsearch_core.benchmarks.examples import Example
from stepsearch_core.benchmarks.gold import GOLD_FILE, Presence, count_by_hop, hop_supports
from stepsearch_core.params import CorpusParams


def title_key(title: str) -> str:
    """What titles are compared by: their words, or their signs if they hold no word."""
    title = squeeze(title)
    return " ".join(words(title)) or normalize(title)


def overlap(text: Counter[str], other: Counter[str]) -> float:
    """The overlap coefficient of two texts' words, in [0, 1]; 0 where one has none."""
    shorter = min(text.total(), other.total())
    return (text & other).total() / shorter if shorter else 0.0


@dataclass(slots=True)
class _Sought:
    """A gold passage, and what the corpus has of its title so far.

    `found` is the best passage that overlaps enough, `overlap` its overlap, or the largest of all as long as
    none does; None as long as no passage has the title.
    """

    passage: Passage
    words: Counter[str]
    is_there: bool = False
    found: str | None = None
    in_common: int = 0
    overlap: float | None = None

    def look_at(self, identifier: str, text: Counter[str], limit: float) -> None:
        """See a passage of the same title, by its id and its words."""
        self.is_there = identifier == self.passage.id
        in_common, overlapping = (self.words & text).total(), overlap(self.words, text)
        if overlapping >= limit and in_common > self.in_common:
            self.found, self.in_common, self.overlap = identifier, in_common, overlapping
        elif self.found is None:
            self.overlap = max(overlapping, self.overlap or 0.0)


class GoldMatcher:
    """Looks for the gold passages of examples while a corpus goes by; keeps no passage of the corpus."""

    def __init__(self, examples: Iterable[tuple[str, Example]], params: CorpusParams) -> None:
        """Read all examples, each with the name of its set."""
        self._limit, self._adds = params.gold_overlap, params.add_missing_gold
        self._sought: dict[str, _Sought] = {}
        self._by_title: dict[str, list[_Sought]] = {}
        self._supports: dict[str, list[tuple[int, str]]] = {}
        for name, example in examples:
            self._supports.setdefault(name, []).extend(hop_supports([example.question]))
            for gold in example.gold:
                if gold.id not in self._sought:
                    sought = self._sought[gold.id] = _Sought(gold, Counter(words(gold.text)))
                    self._by_title.setdefault(title_key(gold.title), []).append(sought)

    def watch(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """The same passages, all looked at."""
        for passage in passages:
            of_title = self._by_title.get(title_key(passage.title), ())
            lost = [sought for sought in of_title if not sought.is_there]
            if lost:
                identifier, text = passage_id(passage.title, passage.text), Counter(words(passage.text))
                for sought in lost:
                    sought.look_at(identifier, text, self._limit)
            yield passage

    def added(self) -> Iterator[Passage]:
        """Those that were missing among all passages looked at, if they are to be added."""
        yield from (sought.passage for sought in self._of(Presence.ADDED).values())

    def write(self, folder: Path) -> dict[str, Any]:
        """Write what was found into the corpus's folder; returns what the corpus's manifest says of it."""
        counts = {
            name: count_by_hop(supports, lambda gold_id: self._presence(self._sought[gold_id]))
            for name, supports in self._supports.items()
        }
        added = self._of(Presence.ADDED)
        described = {
            "limit": self._limit,
            "counts": counts,
            "shares": {name: _shares(rows) for name, rows in counts.items()},
            "another_text": {
                gold_id: {"passage": sought.found, "overlap": _rounded(sought.overlap)}
                for gold_id, sought in self._of(Presence.ANOTHER_TEXT).items()
            },
            "added": _described(added),
            "missing": _described(self._of(Presence.MISSING)),
        }
        write_json(folder / GOLD_FILE, described)
        return {"added_gold": len(added)} if self._adds else {}

    def _of(self, kind: Presence) -> dict[str, _Sought]:
        return {
            gold_id: sought for gold_id, sought in self._sought.items() if self._presence(sought) is kind
        }

    def _presence(self, sought: _Sought) -> Presence:
        if sought.is_there:
            return Presence.SAME_CONTENT
        if sought.found is not None:
            return Presence.ANOTHER_TEXT
        return Presence.ADDED if self._adds else Presence.MISSING


def _described(lost: dict[str, _Sought]) -> dict[str, dict[str, Any]]:
    """Titles by id, and the largest overlap with a passage of that title, if the corpus has one."""
    return {
        gold_id: {"title": sought.passage.title, "overlap": _rounded(sought.overlap)}
        for gold_id, sought in lost.items()
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _shares(rows: dict[str, dict[str, int]]) -> dict[str, dict[str, float]]:
    """Each count of a row over the row's supports; nothing where there is none."""
    return {
        name: {kind: round(count / row["supports"], 4) for kind, count in row.items() if kind != "supports"}
        for name, row in rows.items()
        if row["supports"]
    }
