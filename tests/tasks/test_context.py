"""A model whose contexts are shorter than trajectories may become is refused before any work."""

from pathlib import Path

import pytest

from stepsearch_core.data.corpus import build_corpus
from stepsearch_core.data.questions import write_questions
from stepsearch_core.io import DataError, write_jsonl
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import build_model, save_policy
from tasks import evaluate, train, warmstart
from tests import tiny
from tests.import_graph import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the stages read, with a policy of 256 positions."""
    monkeypatch.chdir(tmp_path)
    build_corpus(tiny.PASSAGES, Path("data/corpus"))
    for split in ("train", "validation"):
        write_questions(f"data/synthesize/{split}.jsonl", [tiny.ADA])
    write_jsonl("data/synthesize/trajectories.jsonl", [{"question_id": "ada", "turns": tiny.turns(tiny.ADA)}])
    save_policy(build_model(tiny.MODEL, tiny.tokenizer()), tiny.tokenizer(), Path("data/warmstart/policy"))
    return tmp_path / "data" / "warmstart" / "policy"


@pytest.mark.parametrize(
    "stage",
    [
        warmstart.main,
        train.main,
        lambda params: evaluate.Examination.policy(None, "", Path("data/warmstart/policy"), params),
    ],
    ids=["warmstart", "train", "evaluate"],
)
def test_a_model_with_too_few_positions_is_refused(folder, stage):
    overrides = [f"model.source={folder}", "tokenizer.kind=pretrained", "environment.max_trajectory_tokens=257"]
    params = load_params(ROOT / "conf" / "micro.yaml", overrides)
    with pytest.raises(DataError, match=r"field 'environment\.max_trajectory_tokens': 257 tokens, .* at most 256"):
        stage(params)
