"""The stage `evaluate` with policies that know nothing, on the micro profile's benchmarks."""

from pathlib import Path

import pytest
import torch

from stepsearch_core.base.io import read_json, read_jsonl
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.actions import THINK
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import build_model, save_policy
from stepsearch_core.policy.tokenizers import train_tokenizer
from tasks import corpus, evaluate, fetch, index
from tests.checkout import link_checkout
from tests.import_graph import ROOT
from tests.vllm_parts import needs_vllm

pytestmark = pytest.mark.slow
SMALL = ["evaluate.benchmarks=[musique,bamboogle]", "evaluate.questions=4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout's outputs before its evaluation, with two random policies that write different things."""
    folder = link_checkout(tmp_path_factory.mktemp("evaluate"))
    params = load_params(ROOT / "conf" / "micro.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch, corpus, index):
            stage.main(params)
        texts = [passage.contents for passage in Corpus.open("data/corpus")]
        tokenizer = train_tokenizer(texts, params.tokenizer, THINK.tags)
        for seed, name in enumerate(("warmstart", "train")):
            torch.manual_seed(seed)
            policy = build_model(params.model, tokenizer)
            with torch.no_grad():
                for weights in policy.model.layers.parameters():
                    weights.mul_(8.0 if weights.ndim == 2 else 1.0)
            save_policy(policy, tokenizer, Path("data") / name / "policy")
    return folder


@pytest.fixture
def evaluated(folder, monkeypatch):
    """Records by policy and metrics, of an evaluation with overrides."""
    monkeypatch.chdir(folder)

    def run(*overrides, policies=("warmstart", "trained")):
        params = load_params(ROOT / "conf" / "micro.yaml", [*SMALL, *overrides])
        params.evaluate.policies = list(policies)
        evaluate.main(params)
        records = {
            policy: [
                row
                for path in sorted(Path("data/evaluate/records", policy).glob("*.jsonl"))
                for row in rows(path)
            ]
            for policy in policies
        }
        return records, read_json("data/evaluate/metrics.json")

    return run


def rows(path):
    return [row for _, row in read_jsonl(path)]


def test_each_policy_answers_with_its_own_weights(evaluated):
    together, _ = evaluated()
    assert together["warmstart"] != together["trained"]
    for policy in ("warmstart", "trained"):
        assert evaluated(policies=[policy])[0][policy] == together[policy]


def test_sampled_answers_are_means_over_a_questions_samples(evaluated):
    greedy, before = evaluated()
    sampled, after = evaluated("evaluate.samples=3")
    assert sampled != evaluated("evaluate.samples=3", "seed=1")[0]
    for policy in ("warmstart", "trained"):
        assert [row["id"] for row in sampled[policy]] == [row["id"] for row in greedy[policy]]
        assert {row["samples"] for row in sampled[policy]} == {3}
        assert not any("samples" in row for row in greedy[policy])
        lengths = [len(row["turns"]) for row in sampled[policy]]
        assert len(lengths) == before[policy]["mean"]["f1"]["n"] == after[policy]["mean"]["f1"]["n"] == 8


def test_the_oracle_asks_once_whatever_samples_says(evaluated):
    once, sampled = (
        evaluated(*overrides, policies=["oracle"])[0] for overrides in ([], ["evaluate.samples=3"])
    )
    assert once == sampled
    for row in once["oracle"]:
        queries = [turn["query"] for turn in row["turns"] if turn["action"] == "search"]
        wanted = [" ".join(hop["sub_question"].replace(">>", " ").split()) for hop in row["hops"]]
        assert queries == wanted[: len(queries)] != []


@needs_vllm
def test_greedy_answers_of_vllm_are_those_of_transformers(evaluated):
    (plain, _), (of_vllm, _) = evaluated(), evaluated("rollout.engine=vllm")
    for policy, answers in plain.items():
        same = [one == other for one, other in zip(answers, of_vllm[policy], strict=True)]
        assert sum(same) >= 0.9 * len(same)  # all, but for near ties that rounding decides
    assert plain["warmstart"] != plain["trained"]
