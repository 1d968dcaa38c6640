"""The preset `released`: a trajectory scored as the released code scores decoded text, defects included.

For comparison only; `breakdown` is the method. The trajectory is rendered as that system would have shown it
(in the style `environment.prompt: released`, whatever style it was sampled in), from the policy's texts, the
actions and the passages, and everything is then read out of the text again. What differs from the paper, on
purpose: a text that does not end in an answer earns -1 and nothing else; every pair of search tags is a
search, those in a warning included; passages keep the "Doc 2" of the one behind them; each one is compared
with the gold texts by a TF-IDF of its own; words are that code's (SQuAD's for F1, scikit-learn's for
TF-IDF), whatever `retrieval.segmenter` says; a repeat is an equal string, within a round too; a query is
credited to one sub-question, where it overwrites better ones; F1 has four digits; gain and penalty weigh
1.6.

Left out: the cut of long observations (here a passage that was cut counts whole), the notice before the last
turn (its empty search scores 0 for nobody), and the shifts of re-encoding: a step reward sits on the last
policy token of the turn with the round's first `</search>`. Where that tag stands in a warning, which the
policy did not write, it is the last policy token of the turn before the warning.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stepsearch_core.base.types import ActionKind, Passage, Question, RewardBreakdown, StepReward, Trajectory
from stepsearch_core.environment.prompts import RELEASED
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.terms import Term

KEY_WEIGHT = 0.618
STEP_WEIGHT = 1.6  # .6 in its settings, added to a row that already holds the reward

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_SEARCH = re.compile(r"<search>.*?</search>", re.DOTALL)
_SEARCH_TAG = re.compile(r"</?search>")
_ROUND = re.compile(r"<search>.*?</search>\s*<information>(.*?)</information>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReleasedRound:
    """One match of search and information: unweighted rewards, and where its first `</search>` starts."""

    position: int
    information_gain: float
    redundancy: float


@dataclass(frozen=True, slots=True)
class ReleasedScore:
    """What a text earns: `answer` is F1, or -1 for a wrong format, which leaves no key and no rounds."""

    answer: float
    search_key: float
    rounds: tuple[ReleasedRound, ...]
    format_ok: bool


def score_text(
    text: str, answers: Sequence[str], golds: Sequence[str], keys: Sequence[Sequence[str]]
) -> ReleasedScore:
    """Score a response without its prompt.

    Args:
        text: everything after the prompt.
        answers: the accepted answers.
        golds: texts of the gold passages, without titles; without any there are no rounds.
        keys: the golden search keys of each sub-question; one without keys counts, and cannot be reached.

    Raises:
        ValueError: a passage and the gold texts have no word of two letters between them (an empty
            vocabulary).
    """
    found = list(_ANSWER.finditer(text))
    if not found or text[found[-1].end() :].strip():
        return ReleasedScore(-1.0, 0.0, (), False)
    matches = list(_ROUND.finditer(text))
    rounds = [_documents(match[1]) for match in matches]
    golds = [_normalize(gold) for gold in golds]
    scored = zip(matches, _gains(rounds, golds), _redundancies(rounds), strict=True) if golds else ()
    return ReleasedScore(
        answer=_f1(found[-1][1], answers),
        search_key=_search_key([_SEARCH_TAG.sub("", match) for match in _SEARCH.findall(text)], keys),
        rounds=tuple(
            ReleasedRound(match.start() + match[0].find("</search>"), gain, redundancy)
            for match, gain, redundancy in scored
        ),
        format_ok=True,
    )


def render(trajectory: Trajectory, passages: Callable[[str], Passage]) -> tuple[str, list[int]]:
    """The response as the released system would have shown it, and where in it each turn starts.

    What follows a turn (information or a warning) counts to that turn; nothing follows the last one.

    Raises:
        KeyError: a retrieved passage is unknown.
    """
    text, starts = "", []
    for number, turn in enumerate(trajectory.turns):
        starts.append(len(text))
        text += turn.text
        if number == len(trajectory.turns) - 1:
            break
        shown = (passages(passage_id) for passage_id in turn.passage_ids)
        documents = (
            RELEASED.document.format(rank=i, title=p.title, text=p.text)
            for i, p in enumerate(shown, start=1)
        )
        search = turn.action.kind is ActionKind.SEARCH
        text += (
            "".join([RELEASED.opening, *documents, RELEASED.closing]) if search else RELEASED.invalid_notice
        )
    return text, starts


class ReleasedScorer(Scorer):
    """Scores trajectories as the released code does; it asks the similarity only for its passages."""

    def __init__(
        self,
        similarity: TfidfSimilarity,
        questions: Mapping[str, Question],
        passages: Callable[[str], Passage],
        terms: Mapping[str, Term] | None = None,
    ) -> None:
        super().__init__(similarity, questions, terms=terms)
        self.passages = passages

    def __call__(self, trajectory: Trajectory) -> RewardBreakdown:
        """The reward terms of one trajectory; a step reward for each round that the text shows."""
        question = self.questions[trajectory.question_id]
        text, starts = render(trajectory, self.passages)
        golds = [
            self.passages(passage_id).text for passage_id in self.similarity.known(question.support_ids)
        ]
        scored = score_text(text, question.answers, golds, [hop.search_keys for hop in question.hops])
        step_rewards = [
            StepReward(bisect_right(starts, round_.position) - 1, round_.information_gain, round_.redundancy)
            for round_ in scored.rounds
        ]
        return RewardBreakdown(scored.answer, scored.search_key, tuple(step_rewards), scored.format_ok)


def _documents(information: str) -> list[str]:
    """What stands between `##>` and the next `<##`: a passage's text with the rank of the one behind it."""
    return [part.split("<##")[0].strip() for part in information.split("##>")[1:]]


def _gains(rounds: Sequence[Sequence[str]], golds: Sequence[str]) -> list[float]:
    best = np.zeros(len(golds))
    gains = []
    for documents in rounds:
        coverage = np.max(
            [np.zeros(len(golds)), *(_cosines(document, golds) for document in documents)], axis=0
        )
        gains.append(float(np.maximum(coverage - best, 0.0).mean()))
        best = np.maximum(best, coverage)
    return gains


def _cosines(document: str, golds: Sequence[str]) -> np.ndarray:
    """Cosine with each gold text, [n_gold], by a TF-IDF fitted on these n + 1 texts."""
    # slow to import, and only this preset needs it
    from sklearn.feature_extraction.text import TfidfVectorizer

    document = _normalize(document)
    if not document:
        return np.zeros(len(golds))
    vectors = TfidfVectorizer().fit_transform([document, *golds])
    return (vectors[1:] @ vectors[0].T).toarray().ravel()


def _redundancies(rounds: Sequence[Sequence[str]]) -> list[float]:
    seen: set[str] = set()
    shares = []
    for documents in rounds:
        repeats = 0
        for document in documents:
            repeats += document in seen
            seen.add(document)
        shares.append(repeats / len(documents) if documents else 0.0)
    return shares


def _search_key(queries: Sequence[str], groups: Sequence[Sequence[str]]) -> float:
    scores = [0.0] * len(groups)
    for query in queries:
        values = [_f1(query, group) for group in groups]
        if any(values):
            scores[values.index(max(values))] = max(values)  # the newest query, whatever stood there
    return sum(scores) / len(scores) if scores else 0.0


def _f1(text: str, references: Sequence[str]) -> float:
    words = Counter(_normalize(text).split())
    best = 0.0
    for reference in references:
        others = Counter(_normalize(reference).split())
        common = (words & others).total()
        best = max(best, 2 * common / (words.total() + others.total()) if common else 0.0)
    return round(best, 4)


def _normalize(text: str) -> str:
    """SQuAD's normalisation as that code has it: lower case, no ASCII punctuation, no articles, blanks."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
