import numpy as np
import pytest
import torch

from stepsearch_core.learning.actor import Actor, token_states
from stepsearch_core.learning.batching import token_batch
from tests import tiny

WORD = tiny.tokenizer()
TRAJECTORIES = tiny.random_trajectories(WORD, 6)
BATCH = token_batch(TRAJECTORIES, WORD.pad_token_id)


def actor():
    return Actor(tiny.model(WORD, sharpness=2.0))


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probs_are_those_of_full_passes_without_padding(temperature):
    module = actor()
    with torch.no_grad():
        expected = torch.cat([tiny.plain_log_probs(module.policy, t, temperature) for t in TRAJECTORIES])
        outputs = module(BATCH, temperature)
    assert outputs.log_probs.tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_logits_where_needed_equal_full_logits():
    module = actor()
    with torch.no_grad():
        full = module.policy(torch.from_numpy(BATCH.input_ids)).logits[BATCH.predictors]
        some = module.policy.lm_head(token_states(module.policy, BATCH))
        entropy = torch.distributions.Categorical(logits=full).entropy()
        assert torch.allclose(some, full, atol=1e-5)
        assert module(BATCH, with_entropy=True).entropy.tolist() == pytest.approx(entropy.tolist(), abs=1e-5)
        assert not module(BATCH).entropy.any()


def test_padding_and_the_rows_beside_change_nothing():
    module = actor()
    other = token_batch(TRAJECTORIES, pad_token_id=7)
    assert not np.array_equal(other.input_ids, BATCH.input_ids)
    with torch.no_grad():
        one, same = module(BATCH, with_entropy=True), module(other, with_entropy=True)
        rows = [
            module(token_batch([trajectory], WORD.pad_token_id), with_entropy=True)
            for trajectory in TRAJECTORIES
        ]
    for name in ("log_probs", "entropy", "states"):
        values = getattr(one, name).numpy()
        assert np.array_equal(getattr(same, name).numpy(), values)
        assert torch.cat([getattr(row, name) for row in rows]).numpy() == pytest.approx(values, abs=1e-5)


def test_states_come_from_before_the_token_and_carry_no_gradient():
    module = actor()
    changed = token_batch(TRAJECTORIES, WORD.pad_token_id)
    last = {row: index for index, row in enumerate(changed.rows)}  # each row's last policy token
    for row, index in last.items():
        changed.input_ids[row, changed.positions[index]] = 5
    assert torch.equal(module(changed).states, module(BATCH).states)
    assert not module(BATCH).states.requires_grad
    assert module(BATCH).log_probs.requires_grad


def test_it_has_the_policy_s_parameters_and_no_others():
    policy = tiny.model(WORD)
    assert list(Actor(policy).parameters()) == list(policy.parameters())
