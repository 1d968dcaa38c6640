"""Examinations of policies that know nothing, on the micro profile's benchmarks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_json, write_json
from stepsearch_core.base.types import ActionKind
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.environment.actions import THINK
from stepsearch_core.evaluation.comparison import read_evaluation
from stepsearch_core.evaluation.examination import Examination, examine
from stepsearch_core.evaluation.policies import FOLDERS
from stepsearch_core.policy.models import build_model, save_policy
from stepsearch_core.policy.structure import context_limit
from stepsearch_core.policy.tokenizers import train_tokenizer
from stepsearch_core.report.results import results_table
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.synthesis.phrasings import PHRASINGS
from tasks import corpus, fetch, index
from tests.checkout import link_checkout
from tests.profiles import profile, whole
from tests.vllm_parts import needs_vllm

pytestmark = pytest.mark.slow
SMALL = ["evaluate.benchmarks=[musique,bamboogle]", "evaluate.questions=4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout's outputs before its evaluation, with two random policies that write different things."""
    folder = link_checkout(tmp_path_factory.mktemp("evaluate"))
    params = profile("micro")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (fetch, corpus, index):
            stage.main(params)
        write_json(Path("data/synthesize") / PHRASINGS, {"author": ["pen"]})
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

    def run(*overrides, policies=("warmstart", "trained"), kept=None):
        params = profile("micro", *SMALL, *overrides)
        params.evaluate.policies = list(policies)
        examined = examine(Path("data"), params, kept)
        assert examined is not None
        records = {
            policy: [record for made in examined.records[policy].values() for record in made]
            for policy in policies
        }
        return records, examined.metrics

    return run


def test_each_policy_answers_with_its_own_weights(evaluated):
    together, _ = evaluated()
    assert together["warmstart"] != together["trained"]
    for policy in ("warmstart", "trained"):
        assert evaluated(policies=[policy])[0][policy] == together[policy]


def test_a_policy_for_shorter_contexts_is_refused(folder, monkeypatch):
    monkeypatch.chdir(folder)
    params = profile("micro", *SMALL)
    trained = Path("data", FOLDERS["trained"])
    limit = context_limit(AutoConfig.from_pretrained(trained).to_dict())
    assert limit is not None
    params.environment.max_trajectory_tokens = limit + 1
    with pytest.raises(DataError, match=rf"max_trajectory_tokens': {limit + 1} tokens, .* at most {limit}"):
        Examination(Path("data"), params, ["trained"]).policy(trained, params)


def test_sampled_answers_are_means_over_a_questions_samples(evaluated):
    greedy, before = evaluated()
    sampled, after = evaluated("evaluate.samples=3")
    assert sampled != evaluated("evaluate.samples=3", "seed=1")[0]
    for policy in ("warmstart", "trained"):
        assert [record.id for record in sampled[policy]] == [record.id for record in greedy[policy]]
        assert {record.samples for record in sampled[policy]} == {3}
        assert {record.samples for record in greedy[policy]} == {1}
        lengths = [len(record.turns) for record in sampled[policy]]
        assert len(lengths) == before[policy]["mean"]["f1"]["n"] == after[policy]["mean"]["f1"]["n"] == 8


@pytest.mark.parametrize("samples", ["null", "3"])
def test_kept_answers_are_not_asked_for_again_and_the_rest_is_the_same(
    evaluated, tmp_path, monkeypatch, samples
):
    """Of the kept lines some are cut off, and one is torn, as by a kill; others fill the batches then."""
    changes = [f"evaluate.samples={samples}", "evaluate.questions=5"]
    policies = ("trained", "gold_questions")
    expected = evaluated(*changes, policies=policies)
    played = []
    play = Rollout.play

    def counted(self, episodes, *arguments, **named):
        played.extend(episode.question.id for episode in episodes)
        return play(self, episodes, *arguments, **named)

    monkeypatch.setattr(Rollout, "play", counted)

    def again():
        played.clear()
        return evaluated(*changes, "evaluate.batch_size=3", policies=policies, kept=tmp_path)

    assert again() == expected
    each = 1 if samples == "null" else 3
    assert len(played) == (each + 1) * 10
    files = [tmp_path / policy / "0.jsonl" for policy in policies]
    lines = [file.read_bytes().splitlines(keepends=True) for file in files]
    assert [len(of_policy) for of_policy in lines] == [10, 10]
    files[0].write_bytes(b"".join(lines[0][2:6])[:-100])
    files[1].write_bytes(b"".join(lines[1][:9]))
    assert again() == expected
    assert len(played) == each * 7 + 1
    assert files[0].read_bytes().startswith(b"".join(lines[0][2:5]))
    assert [len(file.read_bytes().splitlines()) for file in files] == [10, 10]
    with monkeypatch.context() as patch:
        patch.setattr(
            Examination, "policy", lambda self, folder, params: pytest.fail("a model is loaded for nothing")
        )
        assert again() == expected
        assert played == []


def test_all_benchmarks_are_one_queue(evaluated, monkeypatch):
    """A policy's questions are played together, and records come by benchmark, in the order of its file."""
    calls = []
    play = Rollout.play

    def seen(self, episodes, *arguments, **named):
        calls.append([episode.question.dataset for episode in episodes])
        return play(self, episodes, *arguments, **named)

    monkeypatch.setattr(Rollout, "play", seen)
    records, _ = evaluated("evaluate.batch_size=3", policies=["trained"])
    assert calls == [["musique"] * 4 + ["bamboogle"] * 4]
    asked = [
        question.id
        for name in ("musique", "bamboogle")
        for question in read_questions("data/fetch", name, "test")[:4]
    ]
    assert [record.id for record in records["trained"]] == asked


def test_a_ceiling_asks_once_whatever_samples_says(evaluated):
    once, sampled = (
        evaluated(*overrides, policies=["gold_questions"])[0] for overrides in ([], ["evaluate.samples=3"])
    )
    assert once == sampled
    for record in once["gold_questions"]:
        queries = [turn.query for turn in record.turns if turn.action is ActionKind.SEARCH]
        wanted = [" ".join(hop.sub_question.replace(">>", " ").split()) for hop in record.hops]
        assert queries == wanted[: len(queries)] != []


@pytest.mark.parametrize(
    "override", ["evaluate.samples=null", pytest.param("evaluate.samples=3", marks=pytest.mark.nightly)]
)
def test_two_processes_answer_as_one_does(evaluated, folder, override):
    """Through the stage, which starts them; at first it is killed, as soon as both have kept answers."""
    policies = ("warmstart", "trained", "gold_questions", "gold_keys")
    expected, metrics = evaluated(override, policies=policies)
    (folder / "params.yaml").write_text(whole("micro", *SMALL, override, "evaluate.processes=2"))
    environment = {**os.environ, "STEPSEARCH_CHECK": "off", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "tasks.evaluate"]
    killed = subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while killed.poll() is None and len(list(folder.glob("checkpoints/*/warmstart/?.jsonl"))) < 2:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished in") == 1
    made = folder / "data" / "evaluate"
    for policy in policies:
        answered = read_evaluation(made / "records" / policy)
        together = {id: record for records in answered.values() for id, record in records.items()}
        assert together == {record.id: record for record in expected[policy]}
    assert read_json(made / "metrics.json") == metrics
    told = read_json(made / "evaluated.json")["provenance"]["benchmarks"]["musique"]
    assert (told["split"], told["questions"], told["in_training"]) == ("test", 4, None)
    assert set(read_json(folder / "data" / "timings" / "evaluate.json")) == set(policies)


@needs_vllm
def test_greedy_answers_of_vllm_are_those_of_transformers(evaluated):
    (plain, _), (of_vllm, _) = evaluated(), evaluated("rollout.engine=vllm")
    for policy, answers in plain.items():
        same = [one == other for one, other in zip(answers, of_vllm[policy], strict=True)]
        assert sum(same) >= 0.9 * len(same)  # all, but for near ties that rounding decides
    assert plain["warmstart"] != plain["trained"]


def test_another_policy_is_asked_as_it_says(evaluated, folder):
    """The trained policy under another name, as it is, and with limits and a retriever of its own."""
    source = folder / "data" / FOLDERS["trained"]
    changes = "environment.max_searches=1, environment.passages_per_search=1, retrieval.method=dense"
    others = f"{{same: {{source: {source}}}, changed: {{source: {source}, changes: [{changes}]}}}}"
    names = ("trained", "same", "changed", "warmstart")
    records, metrics = evaluated(f"evaluate.others={others}", policies=names)
    assert records["same"] == records["trained"]
    assert records["warmstart"] == evaluated()[0]["warmstart"]  # after another's engine
    assert records["changed"] != records["trained"]
    searched = [turn for record in records["changed"] for turn in record.turns if turn.query]
    assert max((len(turn.passages) for turn in searched), default=0) <= 1
    assert metrics["changed"]["musique"]["searches"]["value"] <= 1
    assert "gain" in metrics


def test_another_policy_is_asked_by_a_protocol(evaluated, folder):
    """What a protocol searches for by itself is in records and metrics like any search."""
    other = f"{{source: {folder / 'data' / FOLDERS['trained']}, changes: [environment.protocol=rag]}}"
    overrides = (f"evaluate.others={{asked: {other}}}", "evaluate.policies=[asked]", "evaluate.after=index")
    records, metrics = evaluated(*overrides, policies=["asked"])
    assert metrics["asked"]["musique"]["searches"]["value"] == 1
    for record in records["asked"]:
        search, last = record.turns
        assert (search.action, search.query, search.text) == (ActionKind.SEARCH, record.question, "")
        assert search.passages
        assert last.action in (ActionKind.ANSWER, ActionKind.INVALID)


def test_others_alone_have_no_gain(evaluated, folder):
    others = f"{{same: {{source: {folder / 'data' / FOLDERS['trained']}}}}}"
    overrides = (f"evaluate.others={others}", "evaluate.policies=[same]", "evaluate.after=index")
    _, metrics = evaluated(*overrides, policies=["same"])
    assert list(metrics) == ["same"]
    assert results_table(metrics).splitlines()[1].startswith("  same")
    assert "+" not in results_table(metrics)
