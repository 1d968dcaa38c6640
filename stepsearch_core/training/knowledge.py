"""What the environment knows of each state while training, and the policy does not: for an informed critic.

How much a trajectory will still earn depends mostly on what it has found, of which the policy's hidden
states hold little: it has never seen which passages are gold. All features are of what was there *before* a
turn's tokens, so that a value is a baseline (`learning.critics` says why that leaves the policy's gradient
unbiased).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

import numpy as np

from stepsearch_core.base.types import ActionKind, Passage, Question, Trajectory, Turn
from stepsearch_core.metrics.answers import mentions, overlap_f1
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.training.evidence import token_turns

FEATURES = (
    "hops",
    "hops_left",
    "turn",
    "searches_left",
    "gold_found",
    "gold_missing",
    "hops_in_order",
    "last_hop_found",
    "similarity",
    "answers_seen",
    "answer_seen",
    "keys_matched",
    "passages_repeated",
)
"""Names of what is known of a state, in order. Counts are in tens, shares in [0, 1]."""
_COUNTED_IN = 10


class Knowledge:
    """Looks back over trajectories with what their questions' rewards need."""

    def __init__(self, scorer: Scorer, passage: Callable[[str], Passage], max_searches: int) -> None:
        self._scorer = scorer
        self._passage = passage
        self._max_searches = max_searches

    def __call__(self, trajectory: Trajectory) -> np.ndarray:
        """What is known before each policy token, float32 [policy tokens, len(FEATURES)]."""
        question = self._scorer.questions[trajectory.question_id]
        return self._before_turns(trajectory, question)[token_turns(trajectory)]

    def _before_turns(self, trajectory: Trajectory, question: Question) -> np.ndarray:
        """[turns, features]; a question without gold passages (or keys) has found (or matched) none."""
        evidence = _Evidence(self._scorer, self._passage, question, trajectory)
        rows: list[list[float]] = []
        for turn in trajectory.turns:
            left = self._max_searches - evidence.searches
            counts = [len(question.hops), evidence.hops_found.count(False), len(rows), left]
            rows.append([count / _COUNTED_IN for count in counts] + evidence.features())
            if turn.action.kind is ActionKind.SEARCH:
                evidence.add(turn)
        return np.array(rows, dtype=np.float32).reshape(-1, len(FEATURES))


class _Evidence:
    """What a trajectory's searches have brought so far."""

    def __init__(
        self,
        scorer: Scorer,
        passage: Callable[[str], Passage],
        question: Question,
        trajectory: Trajectory,
    ) -> None:
        self.searches = 0
        self._question, self._passage, self._segment = question, passage, scorer.segment
        self._gold = scorer.similarity.known(question.support_ids)
        shown = list(dict.fromkeys(pid for turn in trajectory.searches for pid in turn.passage_ids))
        self._column = {pid: column for column, pid in enumerate(shown)}
        self._cosines = scorer.similarity.cosine(self._gold, shown)
        self._best = np.zeros(len(self._gold))
        self._shown: set[str] = set()
        self._answers = [False] * len(question.hops)
        self._answer = False
        self._keys = [0.0] * len(question.hops)
        self._repeated = 0

    def add(self, turn: Turn) -> None:
        """One more search."""
        self.searches += 1
        question, segment = self._question, self._segment
        for pid in turn.passage_ids:
            self._repeated += pid in self._shown
            self._shown.add(pid)
            self._best = np.maximum(self._best, self._cosines[:, self._column[pid]])
            text = self._passage(pid).contents
            self._answer |= any(mentions(text, answer, segment) for answer in question.answers)
            for number, hop in enumerate(question.hops):
                self._answers[number] |= mentions(text, hop.sub_answer, segment)
        for number, hop in enumerate(question.hops):
            matches = [overlap_f1(turn.action.text, key, segment) for key in hop.search_keys]
            self._keys[number] = max([self._keys[number], *matches])

    @property
    def hops_found(self) -> list[bool]:
        """Of each hop, whether one of its supports has been shown."""
        return [not self._shown.isdisjoint(hop.support_ids) for hop in self._question.hops]

    def features(self) -> list[float]:
        """Those of `FEATURES` that depend on what searches brought."""
        found, hops = sum(pid in self._shown for pid in self._gold), self.hops_found
        return [
            found / _COUNTED_IN,
            (len(self._gold) - found) / _COUNTED_IN,
            len(list(takewhile(bool, hops))) / _COUNTED_IN,
            float(hops[-1]) if hops else 0.0,
            float(self._best.mean()) if len(self._best) else 0.0,
            _share(self._answers),
            float(self._answer),
            _share(self._keys),
            self._repeated / _COUNTED_IN,
        ]


def _share(values: list[float] | list[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
