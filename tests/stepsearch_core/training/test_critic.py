from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from stepsearch_core.learning.batching import token_batch
from stepsearch_core.params import TrainParams
from stepsearch_core.training.critic import HEAD, Critic, parts_of
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.knowledge import FEATURES
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.scoring import score
from tests import tiny

WORD = tiny.tokenizer()
TRAJECTORIES = tiny.random_trajectories(WORD, 6)
PARAMS = TrainParams(
    minibatches=1, critic_learning_rate=1e-2, value_clip_range=10.0, critic_warmup_steps=0, steps=100
)
KINDS = pytest.mark.parametrize(
    "kind", ["value_head", "informed", pytest.param("model", marks=pytest.mark.slow)]
)


def known(kind, shift=0.0):
    width = len(FEATURES) if kind == "informed" else 0
    return [
        np.full((len(made.log_probs), width), shift + number % 2, dtype=np.float32)
        for number, made in enumerate(TRAJECTORIES)
    ]


def setup(terms=1, **changes):
    params = replace(PARAMS, **changes)
    learner = Learner(tiny.model(WORD), params, has_critic=True, values=terms)
    told = known(params.critic)
    scores = score(
        learner,
        TRAJECTORIES,
        told,
        terms=terms,
        temperature=1.0,
        pad_token_id=WORD.pad_token_id,
        everything=False,
    )
    returns = [np.full((len(row), terms), number % 2 * 2.0 - 1) for number, row in enumerate(scores.values)]
    data = Experience(TRAJECTORIES, [], [], [], [], scores.values, [], [], returns, told, scores.states)
    assert learner.critic is not None
    return learner, learner.critic, data


def fit(critic, data, seed=0):
    return critic.fit(data, WORD.pad_token_id, np.random.default_rng(seed))


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.slow
@KINDS
def test_the_first_loss_is_half_the_squared_returns_and_fits_better_with_every_pass(kind):
    _, critic, data = setup(critic=kind)
    first = fit(critic, data)
    assert first["value_loss"] == pytest.approx(0.5, abs=1e-6)  # values 0, returns 1 and -1
    assert first["critic_grad_norm"] > 0
    assert first["skipped_critic_updates"] == 0
    losses = [fit(critic, data)["value_loss"] for _ in range(15)]
    assert losses[-1] < 0.3


@pytest.mark.slow
@KINDS
def test_the_policy_stays_bit_for_bit(kind):
    learner, critic, data = setup(critic=kind)
    before = weights(learner.actor.engine.module).clone()
    fit(critic, data)
    assert torch.equal(weights(learner.actor.engine.module), before)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["value_head", "informed"])
def test_a_rank_that_holds_none_of_a_minibatch_takes_part(kind):
    """Masking can leave a rank without any of the trajectories that it has scored."""
    _, critic, data = setup(critic=kind, minibatches=2)
    before = weights(critic.engine.engine.module).clone()
    data.states = {}
    assert fit(critic, data)["value_loss"] == 0.0
    assert torch.equal(weights(critic.engine.engine.module), before)


@pytest.mark.slow
def test_more_epochs_are_more_passes():
    _, once, data = setup()
    _, thrice, same = setup(critic_epochs=3)
    three = [fit(once, data, seed=seed) for seed in (0, 1, 2)]
    assert fit(thrice, same)["value_loss"] == pytest.approx(
        np.mean([row["value_loss"] for row in three]), abs=1e-3
    )


@pytest.mark.slow
def test_what_is_known_explains_what_states_do_not():
    """Trajectories of equal states, told apart by what is known of them alone."""
    _, informed, data = setup(critic="informed", critic_epochs=30)
    data.states = {number: torch.zeros_like(states) for number, states in data.states.items()}
    fit(informed, data)
    _, blind, same = setup(critic="value_head", critic_epochs=30)
    same.states = {number: torch.zeros_like(states) for number, states in same.states.items()}
    fit(blind, same)
    assert fit(informed, data)["value_loss"] < 0.1
    assert fit(blind, same)["value_loss"] > 0.4


@pytest.mark.slow
def test_its_own_gradient_norm_is_clipped_and_the_policy_s_is_not():
    """With SGD-like first steps of Adam a clipped gradient moves as far; its norm tells what was clipped."""
    _, critic, _ = setup(critic_max_grad_norm=1e-3, max_grad_norm=5.0)
    assert critic.engine.engine.gradient_clipping() == pytest.approx(1e-3)
    learner, *_ = setup(critic_max_grad_norm=1e-3, max_grad_norm=5.0)
    assert learner.actor.engine.gradient_clipping() == pytest.approx(5.0)


@pytest.mark.slow
@pytest.mark.parametrize("terms", [1, 3])
def test_a_value_for_each_term(terms):
    _, critic, data = setup(terms=terms)
    data.returns = [row * np.arange(1, terms + 1) for row in data.returns]
    for _ in range(30):
        fit(critic, data)
    batch = token_batch(TRAJECTORIES, WORD.pad_token_id)
    states = torch.cat([data.states[number] for number in range(6)])
    values = critic(batch, states, np.concatenate(data.known)).detach().numpy()
    assert values.shape == (len(batch.targets), terms)
    returns = np.concatenate(data.returns)
    explained = 1 - (values - returns).var(axis=0) / returns.var(axis=0)
    assert explained.min() > 0.2


@pytest.mark.slow
@KINDS
def test_micro_batches_do_not_change_the_fit(kind):
    fitted = []
    for tokens in (96, 10_000):
        _, critic, data = setup(critic=kind, micro_batch_tokens=tokens, minibatches=2)
        row = fit(critic, data)
        fitted.append((row, weights(critic.engine.engine.module)))
    assert fitted[0][0] == pytest.approx(fitted[1][0], abs=1e-5)
    assert torch.allclose(fitted[0][1], fitted[1][1], atol=1e-5)


def test_parts_by_hand():
    assert parts_of({4: 3, 0: 2, 7: 1, 2: 9, 5: 1}, 5) == [[4, 0], [7], [2], [5]]
    assert parts_of({}, 5) == [[]]


@given(st.dictionaries(st.integers(0, 99), st.integers(1, 50)), st.integers(1, 60))
def test_parts_hold_all_in_order_and_no_more_than_they_may(lengths, tokens):
    parts = parts_of(lengths, tokens)
    assert [index for part in parts for index in part] == list(lengths)
    assert all(len(part) == 1 or sum(lengths[i] for i in part) <= tokens for part in parts if part)


@pytest.mark.parametrize("kind", ["value_head", "informed"])
def test_an_exported_head_names_what_it_knows(kind, tmp_path):
    critic = Critic(tiny.model(WORD), replace(PARAMS, critic=kind))
    critic.export(tmp_path / "critic")
    with safe_open(tmp_path / "critic" / HEAD, "pt") as file:
        assert file.metadata()["known"].split() == (list(FEATURES) if kind == "informed" else [])
