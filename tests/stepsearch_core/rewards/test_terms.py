import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import RewardBreakdown
from stepsearch_core.params import Params, RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.composition import outcome_only, token_rewards
from stepsearch_core.rewards.terms import TermError, Terms, find_term, load_terms, term_files
from tests.oracles.episodes import answer, question, search, trajectory

MADE = trajectory(search("two words"), answer("z"))


def query_words(made, asked):
    return [len(turn.action.text.split()) for turn in made.turns]


def too_few(made, asked):
    return [1.0]


def no_number(made, asked):
    return [float("nan")] * len(made.turns)


def broken(made, asked):
    return asked.no_such_field


class PassagesNamed:
    """A term that is made with the run's parameters and can look passages up."""

    def __init__(self, params, passage):
        self.weight, self.passage = params.reward.answer_weight, passage

    def __call__(self, made, asked):
        return [self.weight * len(self.passage(turn.text)) for turn in made.turns]


class Waiting:
    """A term that judges two at a time and none without its fellow; question `lost` is beyond it."""

    concurrency = 2

    def __init__(self):
        self.both = threading.Barrier(2, timeout=20)

    def __call__(self, made, asked):
        self.both.wait()
        if asked.id == "lost":
            raise TermError("timeout", "after 60 s")
        return [1.0] * len(made.turns)


def loaded(*paths, passage=str):
    return load_terms(paths, Params(), passage)


NAME = f"{__name__}:query_words"


def test_values_sit_on_the_last_tokens_of_their_turns_with_their_weight():
    scorer = Scorer(TfidfSimilarity.fit([]), {"q": question()}, terms=loaded(NAME))
    [breakdown] = scorer.with_terms([MADE])
    assert isinstance(breakdown, RewardBreakdown)
    assert breakdown.terms == {NAME: (2.0, 1.0)}
    params = RewardParams(terms={NAME: -0.5})
    # 4 prompt tokens, then 3 policy tokens a turn with 2 environment tokens between: turns end at 6 and 11
    assert {n: v for n, v in enumerate(token_rewards(MADE, breakdown, params)) if v} == {6: -1.0, 11: -0.5}


def test_the_files_of_their_modules_are_known():
    assert term_files([NAME]) == [Path(__file__)]


def test_outcome_only_algorithms_see_them():
    assert outcome_only(RewardParams(terms={NAME: -0.5})).terms == {NAME: -0.5}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("query_words", "not an import path"),
        ("no.such.module:f", "cannot be imported: No module named 'no'"),
        (f"{__name__}:missing", "cannot be imported: .* has no attribute 'missing'"),
        (f"{__name__}:NAME", "not a function"),
    ],
)
def test_a_path_that_names_no_function(path, problem):
    with pytest.raises(DataError, match=f"{path}: field 'reward.terms': {problem}"):
        find_term(path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("too_few", r"gave \(1.0,\) for 2 turns of question q: expected a finite number for each"),
        ("no_number", r"gave \(nan, nan\) for 2 turns of question q"),
        ("broken", "failed on question q: AttributeError: .*no_such_field"),
    ],
)
def test_a_term_that_gives_something_else(name, problem):
    with pytest.raises(DataError, match=f"{name}: field 'reward.terms': {problem}"):
        Terms(loaded(f"{__name__}:{name}"))([(MADE, question())])


def test_a_class_is_made_with_parameters_and_passages():
    path = f"{__name__}:PassagesNamed"
    terms = Terms(loaded(path, passage=lambda name: "x" * len(name)))
    assert terms([(MADE, question())]) == [{path: tuple(float(len(turn.text)) for turn in MADE.turns)}]


def test_terms_that_wait_are_asked_at_once_and_failures_stand_in_their_places():
    pairs = [(MADE, replace(question(), id=name)) for name in ("q", "lost", "q", "q")]
    terms = Terms({"waiting": Waiting()})
    asked = terms(pairs)
    assert [failure.reason for failure in asked if isinstance(failure, TermError)] == ["timeout"]
    assert isinstance(asked[1], TermError)
    assert [asked[place] for place in (0, 2, 3)] == [{"waiting": (1.0, 1.0)}] * 3
    threads = threading.active_count()
    for _ in range(5):
        terms(pairs)
    assert threading.active_count() == threads  # each of which may hold files open


def test_a_term_that_says_nothing_is_asked_one_at_a_time_beside_one_that_waits():
    running, most = threading.Lock(), Waiting()

    def alone(made, asked):
        assert running.acquire(blocking=False)
        time.sleep(0.001)
        running.release()
        return [0.0] * len(made.turns)

    pairs = [(MADE, question())] * 20
    assert len(Terms({"waiting": most, "alone": alone})(pairs)) == 20
