"""GRPO with search: its parts against numbers by hand and plain forward passes, and the command itself."""

import copy
import subprocess
import sys

import pytest
import torch

from examples.grpo_with_search import Args, group_advantages, reward, token_log_probs, update
from stepsearch_core.base.types import Action, ActionKind, Trajectory, Turn
from tests import tiny
from tests.import_graph import ROOT

TOKENIZER = tiny.tokenizer()


def test_advantages_are_within_a_question_and_in_its_standard_deviations():
    advantages = group_advantages([1, 0, 0, 0, 1, 1, 1, 1], samples=4)
    assert advantages.tolist() == pytest.approx([1.5, -0.5, -0.5, -0.5, 0, 0, 0, 0], abs=1e-5)


def test_an_answer_without_a_search_earns_nothing():
    answer = Turn(Action(ActionKind.ANSWER, "norway"), "")
    search = Turn(Action(ActionKind.SEARCH, "oslo"), "")
    assert reward(Trajectory("ada", 0, turns=[answer]), tiny.ADA) == 0
    assert reward(Trajectory("ada", 0, turns=[search]), tiny.ADA) == 0
    assert reward(Trajectory("ada", 0, turns=[search, answer]), tiny.ADA) == 1


def test_log_probs_are_those_of_the_policy_s_tokens_whatever_the_padding():
    model, batch = tiny.model(TOKENIZER, sharpness=20.0), tiny.random_trajectories(TOKENIZER, 5)
    log_probs, rows = token_log_probs(model, batch, temperature=0.5)
    plain = [tiny.plain_log_probs(model, trajectory, temperature=0.5) for trajectory in batch]
    assert torch.allclose(log_probs, torch.cat(plain), atol=1e-4)
    assert rows.tolist() == [row for row, values in enumerate(plain) for _ in values]


def test_an_update_makes_what_was_better_more_likely_and_what_was_worse_less():
    torch.manual_seed(0)
    model, batch = tiny.model(TOKENIZER), tiny.random_trajectories(TOKENIZER, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    args = Args(minibatches=1, temperature=1.0, kl_coef=0.0)

    def likelihoods():
        log_probs, rows = token_log_probs(model, batch, temperature=1.0)
        return torch.zeros(len(batch)).index_add(0, rows, log_probs.detach())

    before = likelihoods()
    kl = update(model, copy.deepcopy(model), optimizer, batch, torch.tensor([1.0, -1.0, 1.0, -1.0]), args)
    change = likelihoods() - before
    assert kl == 0  # of the first step: the model is still the reference
    assert ((change > 0) == torch.tensor([True, False, True, False])).all()


@pytest.mark.slow
def test_the_quick_run_ends_and_says_how_it_went():
    command = [sys.executable, "examples/grpo_with_search.py", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    lines = run.stdout.splitlines()
    assert lines[0].startswith("warm start: F1 ")
    assert [line.split()[:2] for line in lines[1:-1]] == [["step", "1"], ["step", "2"]]
    assert lines[-1].startswith("after GRPO: F1 ")
