"""How passages phrase a relation: words far more frequent in its supports than in the corpus at large.

A sub-question says "author", the passage says "penned" or "wrote": a query needs the passage's words. They
are found by counting alone. For each relation, over the distinct supports of all training hops that ask for
it, a word counts once a passage unless it belongs to the passage's names (title, entity, answer); it is
mined if enough passages have it and its share there is `MIN_LIFT` times its share in the corpus. Words are
ranked by their part of the log-likelihood ratio, count times log lift, so that frequent phrasings come
before rare ones; those far below the best are left out, as they tell more about the kind of thing that has
the relation than about the relation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stepsearch_core.synthesis.sub_questions import STOP_WORDS, lower_words

PHRASINGS = "phrasings.json"
"""In what `synthesize` writes: the mined words of each relation."""
MIN_COUNT = 3
MIN_SHARE = 0.05
MIN_LIFT = 3.0
MIN_RELATIVE_SCORE = 0.4
MAX_WORDS = 12


@dataclass(frozen=True, slots=True)
class Background:
    """Document frequencies in a sample of the corpus."""

    counts: Mapping[str, int]
    passages: int

    @classmethod
    def count(cls, contents: Iterable[str]) -> Background:
        """Count in how many of these texts each word occurs."""
        counts: Counter[str] = Counter()
        passages = 0
        for text in contents:
            counts.update(set(lower_words(text)))
            passages += 1
        return cls(counts, passages)

    def share(self, word: str) -> float:
        """The share of passages with the word, add-one smoothed."""
        return (self.counts.get(word, 0) + 1) / (self.passages + 1)


class PhrasingMiner:
    """Collects the supports of each relation, then says by which words they phrase it."""

    def __init__(self) -> None:
        self._supports: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)

    def add(self, relation: str, support_id: str, contents: str, names: Iterable[str]) -> None:
        """Count a support once for its relation; the words of `names` do not count."""
        supports = self._supports[relation]
        own_names = frozenset(word for name in names for word in lower_words(name))
        supports[support_id] = (
            supports.get(support_id, frozenset(lower_words(contents)) - STOP_WORDS) - own_names
        )

    def mine(self, background: Background) -> dict[str, tuple[str, ...]]:
        """The mined words of every relation that has any, best first."""
        mined = {
            relation: _mine(supports.values(), background) for relation, supports in self._supports.items()
        }
        return {relation: found for relation, found in mined.items() if found}


def _mine(supports: Iterable[frozenset[str]], background: Background) -> tuple[str, ...]:
    supports = list(supports)
    counts = Counter(word for support in supports for word in support)
    least = max(MIN_COUNT, MIN_SHARE * len(supports))
    lifts = {
        word: count / len(supports) / background.share(word)
        for word, count in counts.items()
        if count >= least and not word.isdigit()
    }
    scores = {word: counts[word] * math.log(lift) for word, lift in lifts.items() if lift >= MIN_LIFT}
    ranked = sorted(scores, key=lambda word: (-scores[word], word))[:MAX_WORDS]
    return tuple(word for word in ranked if scores[word] >= MIN_RELATIVE_SCORE * scores[ranked[0]])
