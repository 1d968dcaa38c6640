"""What stages say of a model before any work: contexts that are too short, answers that it cannot write."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json, write_jsonl
from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.policy.models import build_model, save_policy
from stepsearch_core.synthesis.questions import write_questions
from stepsearch_core.synthesis.trajectories import WarmstartTrajectory
from tasks import train, warmstart
from tests import tiny
from tests.checkout import link_checkout
from tests.checkout import profile as write_profile
from tests.killed import check_kills_change_nothing
from tests.profiles import profile


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the stages read, with a policy of 256 positions."""
    monkeypatch.chdir(link_checkout(tmp_path))
    build_corpus(tiny.PASSAGES, Path("data/corpus"))
    for split in ("train", "validation"):
        write_questions(f"data/synthesize/{split}.jsonl", [tiny.ADA])
    write_jsonl(
        "data/synthesize/trajectories.jsonl", [WarmstartTrajectory("ada", tiny.turns(tiny.ADA)).to_json()]
    )
    save_policy(build_model(tiny.MODEL, tiny.tokenizer()), tiny.tokenizer(), Path("data/warmstart/policy"))
    return tmp_path / "data" / "warmstart" / "policy"


@pytest.mark.parametrize(
    "stage",
    [warmstart.main, train.main],
    ids=["warmstart", "train"],
)
def test_a_model_with_too_few_positions_is_refused(folder, stage):
    overrides = [
        f"model.source={folder}",
        "tokenizer.kind=pretrained",
        "environment.max_trajectory_tokens=257",
    ]
    params = profile("micro", *overrides)
    with pytest.raises(
        DataError, match=r"field 'environment\.max_trajectory_tokens': 257 tokens, .* at most 256"
    ):
        stage(params)


@pytest.mark.parametrize(("count", "level"), [(50, logging.WARNING), (120, logging.INFO)])
def test_answers_that_cannot_be_written_are_said_and_counted(folder, caplog, count, level):
    """One of 51 questions is worth a warning, one of 121 a word."""
    questions = [replace(tiny.ADA, id=f"ada{number}") for number in range(count)]
    questions += [replace(tiny.ADA, answers=("U.S.", "atlantis"))]
    write_questions("data/synthesize/train.jsonl", questions)
    overrides = [
        f"model.source={folder}",
        "tokenizer.kind=pretrained",
        "environment.max_trajectory_tokens=256",
    ]
    params = profile("micro", *overrides, "warmstart.epochs=0")
    caplog.set_level(logging.INFO)
    warmstart.main(params)
    said = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "warmstart"]
    message = "training questions have no answer that the tokenizer can write, as 'U.S.'"
    assert said == [(level, f"1 of {count + 1} {message}")]
    assert read_json("data/warmstart/answers.json") == {
        "questions": count + 1,
        "unwritable": 1,
        "share": 1 / (count + 1),
        "warn_above": 0.01,
        "examples": ["U.S."],
    }


def test_a_vocabulary_that_holds_no_answer_stops_the_warm_start(folder):
    overrides = ["environment.max_trajectory_tokens=256", "warmstart.epochs=0", "tokenizer.vocab_size=4"]
    problem = r"params: field 'tokenizer\.vocab_size': 1 of 1 training questions .* more than 4, or"
    with pytest.raises(DataError, match=problem):
        warmstart.main(profile("micro", *overrides))
    assert not Path("data/warmstart/answers.json").exists()


@pytest.mark.slow
def test_random_kills_and_every_result_is_that_of_an_uninterrupted_run(fork):
    write_profile(fork, "micro", "warmstart.epochs=2", "warmstart.checkpoint_every=4")
    check_kills_change_nothing(fork, "warmstart", "*/step_*")
