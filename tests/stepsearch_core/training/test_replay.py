"""Token in, token out: the trainer's own forward pass gives sampled tokens the probabilities they were
sampled with.
"""

import copy

import numpy as np
import pytest
import torch

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.params import RolloutParams, TrainParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.training.learner import Learner
from tests import tiny
from tests.vllm_parts import NEEDS_VLLM, WORD, searcher

TEMPERATURE = 0.6


@pytest.fixture(scope="module")
def policy():
    return searcher()


@pytest.fixture(params=["transformers", pytest.param("vllm", marks=NEEDS_VLLM)])
def trajectories(request, policy, tmp_path):
    """Sampled with searches and what they brought between the turns."""
    if request.param == "vllm":
        engine = request.getfixturevalue("engine")
        engine.update(policy)
    else:
        engine = TransformersEngine(policy, WORD, TEMPERATURE)
    renderer = Renderer(WORD, tiny.ENVIRONMENT)
    rollout = Rollout(engine, tiny.retriever(tmp_path), renderer, RolloutParams(batch_size=8))
    made = rollout.sample([tiny.ADA, tiny.BOB] * 3, 4, tiny.streams(0))
    assert sum(len(trajectory.searches) for trajectory in made) > 12
    assert max(len(trajectory.turns) for trajectory in made) == 3
    return made


def largest_gap(policy, trajectories, temperature=TEMPERATURE):
    """Between the log-probabilities recorded and those of the model that trains, in the batches it trains
    on.
    """
    learner = Learner(copy.deepcopy(policy), TrainParams(), has_critic=True)
    groups = micro_batches(trajectories, 512)
    assert len(groups) > 2
    gaps = []
    for group in groups:
        members = [trajectories[index] for index in group]
        with torch.no_grad():
            replayed = learner.outputs(
                token_batch(members, WORD.pad_token_id), temperature
            ).log_probs.numpy()
        recorded = [log_prob for member in members for log_prob in member.log_probs]
        gaps.append(np.abs(replayed - recorded).max())
    return max(gaps)


@pytest.mark.slow
def test_a_replay_finds_the_sampling_log_probabilities_again(policy, trajectories):
    assert largest_gap(policy, trajectories) < 1e-4
    assert largest_gap(policy, trajectories, temperature=1.0) > 0.1


@pytest.mark.slow
def test_weights_that_are_a_little_other_ones_are_noticed(policy, trajectories):
    other = copy.deepcopy(policy)
    weights = other.model.layers[1].mlp.down_proj.weight
    with torch.no_grad():
        weights += (
            0.1 * weights.std() * torch.randn(weights.shape, generator=torch.Generator().manual_seed(0))
        )
    assert largest_gap(other, trajectories) > 1e-3
