"""The paper's gain above a floor: similarity counts from what any passage of the same title has.

A passage about the right entity is always somewhat like the gold one about it, whatever it says: in the
default world a first search that finds no gold passage still gains nearly half of what one with a gold
passage does. Here the cosine c with a gold passage counts as (c - f) / (1 - f), at least 0, where f is the
highest cosine with it of the corpus's other passages of its title; without others f is 0 and the gain the
paper's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.similarity import TfidfSimilarity


def above_floor(cosines: np.ndarray, floors: np.ndarray) -> np.ndarray:
    """Cosines [n_gold, n_passages] counted from each gold passage's floor [n_gold]; 1 stays 1."""
    room = np.maximum(1.0 - floors, 1e-9)[:, np.newaxis]
    counted: np.ndarray = np.maximum(cosines - floors[:, np.newaxis], 0.0) / room
    return np.minimum(counted, 1.0)


def floors_of(corpus: Corpus, similarity: TfidfSimilarity, gold_ids: Iterable[str]) -> dict[str, float]:
    """The floor of each gold passage that the corpus holds.

    Gold passages of the same title are no others: finding one of them is to be paid for. One look at all
    titles.
    """
    gold = set(similarity.known(list(dict.fromkeys(gold_ids))))
    titles = {corpus.get(pid).title for pid in gold}
    others: Mapping[str, Sequence[str]] = corpus.ids_by_title(titles)
    floors = {}
    for pid in gold:
        beside = [other for other in others[corpus.get(pid).title] if other not in gold]
        floors[pid] = float(similarity.cosine([pid], beside).max(initial=0.0))
    return floors
