"""Re-evaluation notices damage: to the policy, and to the corpus under it. The policy is a real one that
reads.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stepsearch_core.base.io import read_json, read_jsonl
from stepsearch_core.benchmarks.gold_matching import GoldMatcher
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus, build_corpus
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.evaluation.ceilings import ask_in_order, gold_questions
from stepsearch_core.evaluation.promotion import promote, read_promotion
from stepsearch_core.evaluation.reevaluation import reevaluate
from stepsearch_core.learning.sft import fine_tune
from stepsearch_core.params import PolicyParams, WarmstartParams
from stepsearch_core.policy.models import build_model, load_policy, save_policy
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.retrieval.index import open_retriever
from tasks import corpus, evaluate, fetch, index
from tasks import reevaluate as reevaluate_task
from tests.checkout import link_checkout
from tests.profiles import profile, whole

pytestmark = pytest.mark.slow


def known_wording(question, passage):
    """The question with sub-questions that find their supports: the supports' own words."""
    hops = tuple(replace(hop, sub_question=passage(hop.support_ids[0]).text) for hop in question.hops)
    return replace(question, hops=hops)


@pytest.fixture(scope="module")
def promoted(tmp_path_factory):
    """A checkout's outputs with a policy that was trained on the benchmark itself, so that there is much to
    lose.
    """
    folder = link_checkout(tmp_path_factory.mktemp("promoted"))
    params = profile("micro", "evaluate.benchmarks=[hotpotqa]")
    params.evaluate.policies = ["trained"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch, corpus, index):
            stage.main(params)
        passages = Corpus.open("data/corpus")
        benchmark = read_questions(Path("data/fetch"), "hotpotqa", "test")
        questions = [known_wording(question, passages.get) for question in benchmark]
        texts = [passage.contents for passage in passages] + [question.question for question in benchmark]
        tokenizer = train_tokenizer([*texts, "unknown"], params.tokenizer, THINK.tags)
        torch.manual_seed(0)
        policy = build_model(params.model, tokenizer)
        retriever = open_retriever(params.retrieval, Path("data/index"), passages)
        renderer = Renderer(tokenizer, params.environment)
        shown = ask_in_order(questions, gold_questions(questions), retriever, renderer, params.rollout)
        lessons = WarmstartParams(epochs=80, batch_size=4, learning_rate=2e-3)
        fine_tune(policy, shown, lessons, tokenizer.pad_token_id, 0)
        save_policy(policy, tokenizer, Path("data/train/policy"))
        for made in ("warmstart", "synthesize"):
            Path("data", made).mkdir()  # are there wherever something was trained
        evaluate.main(params)
        promote(Path("data"), params)
    return folder, params


@pytest.fixture
def service(promoted, tmp_path, monkeypatch):
    folder, params = promoted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    return params


def history() -> list[dict]:
    return [row for _, row in read_jsonl("reevaluations/history.jsonl")]


def test_the_promoted_policy_is_good_enough_to_have_something_to_lose(service):
    assert history()[0]["f1"]["value"] > 0.6


def test_an_unchanged_policy_is_not_flagged(service, capsys):
    reevaluate(Path("data"), service)
    reevaluate_task.main(service)  # the same for who calls it from outside
    comparison = read_json("reevaluations/latest.json")
    assert comparison == read_json(f"{comparison['records']}/../comparison.json")
    assert not comparison["degraded"]
    assert comparison["changed"] == []
    assert set(comparison["against"]) == {"promotion", "previous"}
    for result in comparison["against"].values():
        assert result["difference"]["f1"]["value"] == 0.0
    assert [row["event"] for row in history()] == ["promotion", "reevaluation", "reevaluation"]
    assert "not significantly worse" in capsys.readouterr().out


def test_a_policy_of_elsewhere_is_asked_as_it_was(service):
    """With one search it answers otherwise than with two: who forgets that sees a difference."""
    other = PolicyParams("data/train/policy", changes=["environment.max_searches=1"])
    service.evaluate.policies, service.evaluate.others = ["mine"], {"mine": other}
    evaluate.main(service)
    promote(Path("data"), service, "mine")
    service.evaluate.others = {}
    reevaluate(Path("data"), service)
    comparison = read_json("reevaluations/latest.json")
    difference = comparison["against"]["promotion"]["difference"]
    assert {difference[key]["value"] for key in ("f1", "searches")} == {0.0}
    assert read_promotion()["f1"]["value"] < 0.6
    assert comparison["changed"] == []


@pytest.mark.nightly
def test_two_processes_re_evaluate_once(service):
    """Through the task, which starts them."""
    Path("params.yaml").write_text(whole("micro", "evaluate.benchmarks=[hotpotqa]", "evaluate.processes=2"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "tasks.reevaluate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not significantly worse") == 1
    assert [row["event"] for row in history()] == ["promotion", "reevaluation"]
    comparison = read_json("reevaluations/latest.json")
    assert comparison["against"]["promotion"]["difference"]["f1"]["value"] == 0.0


def test_a_damaged_policy_is_flagged(service):
    policy, tokenizer = load_policy("promoted/policy")
    torch.manual_seed(0)
    with torch.no_grad():
        for weights in policy.parameters():
            weights.add_(0.5 * weights.std() * torch.randn_like(weights))
    save_policy(policy, tokenizer, Path("promoted/policy"))
    comparison = reevaluate(Path("data"), service)
    assert comparison is not None
    assert comparison == read_json("reevaluations/latest.json")
    assert comparison["degraded"]
    assert comparison["changed"] == ["policy"]
    assert comparison["against"]["promotion"]["worst"]


def test_a_smaller_corpus_is_flagged(service):
    """Without the supports: whoever reads them has nothing to read."""
    supports = {i for q in read_questions(Path("data/fetch"), "hotpotqa", "test") for i in q.support_ids}
    kept = [passage for passage in Corpus.open("data/corpus") if passage.id not in supports]
    shutil.rmtree("data/corpus")
    build_corpus(kept, "data/corpus", GoldMatcher((), service.corpus).write)
    index.main(service)
    comparison = reevaluate(Path("data"), service)
    assert comparison is not None
    assert comparison == read_json("reevaluations/latest.json")
    assert comparison["degraded"]
    assert {"corpus", "index"} <= set(comparison["changed"])
