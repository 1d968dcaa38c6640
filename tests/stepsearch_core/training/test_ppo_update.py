from dataclasses import replace

import numpy as np
import pytest
import torch

from stepsearch_core.params import TrainParams
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update
from tests import tiny

WORD = tiny.tokenizer()
TRAJECTORIES = tiny.random_trajectories(WORD, 6)
LONGEST = 50
PARAMS = TrainParams(minibatches=1, micro_batch_tokens=128, kl_coefficient=0.0, max_grad_norm=100.0)


def setup(learning_rate=1e-3, **changes):
    params = replace(PARAMS, learning_rate=learning_rate, **changes)
    learner = Learner(tiny.model(WORD), params, has_critic=False)
    return learner.actor.engine.module, learner


def log_probs(policy):
    with torch.no_grad():
        return [
            tiny.plain_log_probs(policy, trajectory).numpy().astype(np.float64)
            for trajectory in TRAJECTORIES
        ]


def experience(policy, signs=(1, -1, 1, -1, 1, -1)):
    """On the policy's own log-probabilities, every token of trajectory i with advantage and return
    `signs[i]`.
    """
    old = log_probs(policy)
    given = [np.full(len(row), float(sign)) for row, sign in zip(old, signs, strict=True)]
    ones = [np.ones(len(row)) for row in old]
    return Experience(TRAJECTORIES, [], old, ones, [], [], old, given, [])


def run(module, learner, params=PARAMS, seed=0, data=None):
    return update(
        learner,
        data or experience(module.policy),
        params,
        temperature=1.0,
        pad_token_id=WORD.pad_token_id,
        generator=np.random.default_rng(seed),
        longest=LONGEST,
    )


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.slow
def test_statistics_of_the_first_pass_by_hand():
    module, learner = setup()
    data = experience(module.policy)
    tokens = np.concatenate(data.advantages)
    statistics = run(module, learner, data=data)
    assert statistics["policy_loss"] == pytest.approx(-tokens.mean(), abs=1e-5)  # ratio 1
    assert "kl_reference" not in statistics  # without a coefficient there is no reference
    for name in ("approx_kl", "clip_frac"):
        assert statistics[name] == pytest.approx(0.0, abs=1e-6)
    assert 0 < statistics["entropy"] < np.log(len(WORD))


@pytest.mark.slow
def test_one_update_makes_rewarded_tokens_likelier_and_others_less_likely():
    module, learner = setup()
    before = log_probs(module.policy)
    run(module, learner)
    changes = [(new - old).mean() for new, old in zip(log_probs(module.policy), before, strict=True)]
    assert [change > 0 for change in changes] == [True, False] * 3
    assert min(map(abs, changes)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [1, 200, 10_000])
def test_micro_batches_do_not_change_the_update(tokens):
    made = []
    for micro_batch_tokens in (96, tokens):
        module, learner = setup()
        params = replace(PARAMS, micro_batch_tokens=micro_batch_tokens, minibatches=2, kl_coefficient=0.1)
        statistics = run(module, learner, params)
        made.append((weights(module), statistics))
    assert torch.allclose(made[0][0], made[1][0], atol=1e-5)
    assert made[0][1] == pytest.approx(made[1][1], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("aggregation", ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm"])
def test_gradient_against_plain_torch(aggregation):
    module, learner = setup(learning_rate=0.0, critic_warmup_steps=0)
    data = experience(module.policy)
    lengths = [len(row) for row in data.advantages]
    weights = {
        "token-mean": [1 / sum(lengths)] * 6,
        "seq-mean-token-mean": [1 / 6 / length for length in lengths],
        "seq-mean-token-sum-norm": [1 / 6 / LONGEST] * 6,
    }[aggregation]
    loss = sum(
        (
            -torch.from_numpy(advantages).float()
            * (tiny.plain_log_probs(module.policy, t) - torch.from_numpy(old)).exp()
        ).sum()
        * weight
        for t, advantages, old, weight in zip(
            TRAJECTORIES, data.advantages, data.old_log_probs, weights, strict=True
        )
    )
    gradients = torch.autograd.grad(loss, list(module.policy.parameters()))
    norm = torch.nn.utils.get_total_norm(gradients).item()
    params = replace(PARAMS, loss_aggregation=aggregation)
    assert run(module, learner, params, data=data)["grad_norm"] == pytest.approx(norm, rel=1e-4)


@pytest.mark.slow
def test_the_kl_term_pulls_towards_the_reference():
    data = experience(tiny.model(WORD), signs=[0] * 6)
    distances = []
    for coefficient in (0.0, 1.0):
        module, learner = setup(learning_rate=1e-3, kl_coefficient=1.0)  # so that there is a reference
        with torch.no_grad():
            module.policy.get_input_embeddings().weight.mul_(2.0)
        now = replace(data, old_log_probs=log_probs(module.policy))
        run(module, learner, replace(PARAMS, kl_coefficient=coefficient, epochs=5), data=now)
        distances.append(
            run(module, learner, replace(PARAMS, kl_coefficient=coefficient), data=now)["kl_reference"]
        )
    assert distances[1] < 0.8 * distances[0]


@pytest.mark.slow
def test_more_minibatches_than_trajectories():
    module, learner = setup()
    statistics = run(module, learner, replace(PARAMS, minibatches=9))
    assert np.isfinite(statistics["grad_norm"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits():
    made = []
    for seed in (0, 0, 1):
        module, learner = setup()
        run(module, learner, replace(PARAMS, minibatches=3), seed=seed)
        made.append(weights(module))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
