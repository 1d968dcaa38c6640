from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RewardParams
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.rewards.composition import outcome_only, token_rewards
from stepsearch_core.rewards.terms import load_terms, term_files, term_values
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


NAME = f"{__name__}:query_words"


def test_values_sit_on_the_last_tokens_of_their_turns_with_their_weight():
    scorer = Scorer(TfidfSimilarity.fit([]), {"q": question()}, terms=load_terms([NAME]))
    breakdown = scorer(MADE)
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
        load_terms([path])


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
        term_values(load_terms([f"{__name__}:{name}"]), MADE, question())
