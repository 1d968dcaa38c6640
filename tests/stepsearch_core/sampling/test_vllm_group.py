"""Two ranks with the real vLLM: with a model each, and with one that is split over both."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.engine import EngineError
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.sampling.vllm_group import Group, Leader, OutOfStepError
from stepsearch_core.sampling.vllm_session import vllm_errors
from tests import tiny
from tests.import_graph import ROOT
from tests.vllm_parts import WORD, needs_vllm, searcher
from tests.vllm_ranks import QUESTIONS, SAMPLES


@needs_vllm
@pytest.mark.parametrize("shared_by", [1, 2])
def test_two_ranks_play_what_one_would(tmp_path, shared_by):
    policy = searcher()
    save_policy(policy, WORD, tmp_path / "policy")
    launcher = ["torch.distributed.run", "--standalone", "--local-addr=localhost", "--nproc-per-node=2"]
    command = [sys.executable, "-m", *launcher, "-m", "tests.vllm_ranks", str(tmp_path), str(shared_by)]
    subprocess.run(command, check=True, timeout=300, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert len(first) == len(QUESTIONS) * (1 + SAMPLES)
    greedy = Rollout(
        TransformersEngine(policy, WORD),
        tiny.retriever(tmp_path),
        Renderer(WORD, tiny.ENVIRONMENT),
        RolloutParams(batch_size=3),
    ).greedy(QUESTIONS)
    assert [ids for ids, *_ in first[: len(QUESTIONS)]] == [each.token_ids for each in greedy]
    assert sum(searches for *_, searches in first) > len(first) / 2
    for ids, mask, log_probs, _ in first:
        rows = tiny.full_log_probs(policy, ids)
        again = [rows[place - 1, ids[place]].item() for place, own in enumerate(mask) if own]
        assert log_probs == pytest.approx(again, abs=1e-4)
    assert len({tuple(ids) for ids, *_ in first[len(QUESTIONS) :]}) > len(QUESTIONS)


def test_a_pass_that_fails_on_the_first_rank_ends_the_run_and_not_its_trajectories():
    def fail():
        raise MemoryError("no memory")

    told: list[Any] = []
    group: Any = SimpleNamespace(tell=told.append)
    leader = Leader(SimpleNamespace(step=fail), group)
    with pytest.raises(OutOfStepError, match="several processes make: no memory"), vllm_errors("failed"):
        leader.step()
    assert told == [[("step", ())]]


def test_the_ranks_of_a_machine_are_whole_groups(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(EngineError, match=r"rollout.tensor_parallel is 2: so many .+ there are 3"):
        Group(2)
