import math

import pytest
import torch
from torch import tensor

from stepsearch_core.training.losses import (
    MAX_LOG_RATIO,
    explained_variance,
    kl_estimate,
    policy_loss,
    value_loss,
)


def gradient(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None
    return leaf.grad


def test_policy_loss_by_hand():
    # ratios 1.5, 1.5, .5, .5, 1.1 with advantages 1, -1, 1, -1, 2 and epsilon .2
    log_probs = tensor([0.75, 0.75, 0.25, 0.25, 0.55]).log().requires_grad_()
    advantages = tensor([1.0, -1.0, 1.0, -1.0, 2.0])
    loss, stats = policy_loss(log_probs, tensor([0.5] * 5).log(), advantages, 0.2)
    assert loss.tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8, -2.2], abs=1e-6)
    assert stats["clip_frac"].tolist() == [1, 1, 1, 1, 0]
    expected_kl = [r - 1 - math.log(r) for r in (1.5, 1.5, 0.5, 0.5, 1.1)]
    assert stats["approx_kl"].tolist() == pytest.approx(expected_kl, abs=1e-6)
    assert not any(value.requires_grad for value in stats.values())
    loss.sum().backward()
    # -A r, 0 where the clip binds
    assert gradient(log_probs).tolist() == pytest.approx([0, 1.5, -0.5, 0, -2.2], abs=1e-6)


def test_clip_higher_by_hand():
    # ratios 1.25, 1.5 and .7 with epsilon .2 below and .3 above, advantage 1
    log_probs = tensor([0.625, 0.75, 0.35]).log().requires_grad_()
    loss, stats = policy_loss(log_probs, tensor([0.5] * 3).log(), tensor([1.0, 1.0, 1.0]), 0.2, 0.3)
    assert loss.tolist() == pytest.approx([-1.25, -1.3, -0.7], abs=1e-6)
    assert stats["clip_frac"].tolist() == [0, 1, 1]
    loss.sum().backward()
    assert gradient(log_probs).tolist() == pytest.approx([-1.25, 0, -0.7], abs=1e-6)


def test_dual_clip_by_hand():
    # ratios 2, 4 and 4 with epsilon .2 and c = 3: only a negative advantage is bounded, at 3 times it
    log_probs = tensor([0.2, 0.4, 0.4]).log().requires_grad_()
    loss, _ = policy_loss(log_probs, tensor([0.1] * 3).log(), tensor([-1.0, -1.0, 1.0]), 0.2, dual_clip=3.0)
    assert loss.tolist() == pytest.approx([2.0, 3.0, -1.2], abs=1e-5)
    loss.sum().backward()
    assert gradient(log_probs).tolist() == pytest.approx([2.0, 0, 0], abs=1e-5)


def test_on_the_sampling_policy_the_gradient_is_the_policy_gradient():
    log_probs = tensor([-1.0, -2.0, -0.5], requires_grad=True)
    advantages = tensor([0.3, -0.7, 0.0])
    loss, stats = policy_loss(log_probs, log_probs.detach(), advantages, 0.2)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx((-advantages).tolist())
    assert gradient(log_probs).tolist() == pytest.approx((-advantages).tolist())
    assert stats["approx_kl"].tolist() == stats["clip_frac"].tolist() == [0, 0, 0]


def test_value_loss_by_hand():
    values = tensor([1.0, 0.5, -1.0, 0.9], requires_grad=True)
    old_values, returns = tensor([0.2, 0.2, 0.2, 0.2]), tensor([2.0, 2.0, 2.0, 0.9])
    # new values held within .2 +- .5: .7, .5, -.3, .7; squared errors (1, 1.69), (2.25, 2.25), (9, 5.29),
    # (0, .04)
    loss = value_loss(values, old_values, returns, 0.5)
    assert loss.tolist() == pytest.approx([0.845, 1.125, 4.5, 0.02], abs=1e-6)
    loss.sum().backward()
    assert gradient(values).tolist() == pytest.approx([0, -1.5, -3.0, 0], abs=1e-6)


def test_kl_estimates_by_hand():
    # p = 1/2, reference 1/4: r = 1/2, log r = -.693147
    log_probs, reference = tensor([0.5]).log(), tensor([0.25]).log()
    assert kl_estimate(log_probs, reference, "k1").item() == pytest.approx(0.693147, abs=1e-6)
    assert kl_estimate(log_probs, reference, "k2").item() == pytest.approx(0.240227, abs=1e-6)
    assert kl_estimate(log_probs, reference, "k3").item() == pytest.approx(0.193147, abs=1e-6)


def test_k1_and_k3_are_unbiased():
    p, q = tensor([0.7, 0.2, 0.1], dtype=torch.float64), tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    exact = float((p * (p / q).log()).sum())
    for kind in ("k1", "k3"):
        assert float((p * kl_estimate(p.log(), q.log(), kind)).sum()) == pytest.approx(exact, abs=1e-12)
    assert float((p * kl_estimate(p.log(), q.log(), "k2")).sum()) != pytest.approx(exact, abs=1e-3)


def test_k3_gradient_is_one_minus_the_ratio():
    log_probs = tensor([0.5, 0.25]).log().requires_grad_()
    kl_estimate(log_probs, tensor([0.25, 0.5]).log(), "k3").sum().backward()
    assert gradient(log_probs).tolist() == pytest.approx([0.5, -1.0], abs=1e-6)


def test_an_unknown_kl_estimate_is_an_error():
    with pytest.raises(ValueError, match="'k4' is not one of k1, k2, k3"):
        kl_estimate(tensor([0.0]), tensor([0.0]), "k4")


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: policy_loss(x, y, tensor([1.0, -1.0, 0.5, 2.0], dtype=torch.float64), 0.2)[0],
        lambda x, y: value_loss(x, y, y + 1, 0.5),
        lambda x, y: kl_estimate(x, y, "k1"),
        lambda x, y: kl_estimate(x, y, "k2"),
        lambda x, y: kl_estimate(x, y, "k3"),
    ],
)
def test_gradients_agree_with_finite_differences(loss):
    x = tensor([-0.31, -1.72, -0.93, -2.04], dtype=torch.float64, requires_grad=True)
    y = tensor([-0.80, -1.65, -1.05, -1.01], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: loss(v, y), (x,), eps=1e-6, atol=1e-7)


def test_sums_over_micro_batches_give_the_token_mean():
    generator = torch.Generator().manual_seed(0)
    old, advantages = -torch.rand(10, generator=generator), torch.randn(10, generator=generator)
    whole = (old + 0.1).requires_grad_()
    policy_loss(whole, old, advantages, 0.2)[0].mean().backward()
    parts = (old + 0.1).requires_grad_()
    for piece in (slice(0, 3), slice(3, 4), slice(4, 10)):
        (policy_loss(parts[piece], old[piece], advantages[piece], 0.2)[0].sum() / 10).backward()
    assert torch.allclose(gradient(parts), gradient(whole), atol=1e-7)


def test_explained_variance():
    # residuals (0, 0, 1): variance 2/9; returns (1, 2, 4): variance 14/9
    assert explained_variance(tensor([1.0, 2.0, 3.0]), tensor([1.0, 2.0, 4.0])) == pytest.approx(1 - 1 / 7)
    assert explained_variance(tensor([7.0, 7.0, 7.0]), tensor([1.0, 2.0, 4.0])) == pytest.approx(
        0.0, abs=1e-6
    )
    assert math.isnan(explained_variance(tensor([1.0, 2.0]), tensor([3.0, 3.0])))


@pytest.mark.parametrize("advantage", [1.0, -1.0])
def test_a_token_beyond_all_bounds_leaves_the_loss_finite_and_has_no_gradient(advantage):
    """Float32's exponential is infinite from 89 on."""
    old = tensor([-2000.0, -1.0, -0.01])
    log_probs = tensor([-0.01, -1.0, -2000.0], requires_grad=True)
    loss, stats = policy_loss(log_probs, old, torch.full((3,), advantage), 0.2)
    kl = kl_estimate(log_probs, old, "k3")
    assert all(torch.isfinite(values).all() for values in (loss, kl, *stats.values()))
    assert kl.max().item() == pytest.approx(math.exp(MAX_LOG_RATIO), rel=1e-3)
    (gradient,) = torch.autograd.grad(loss.sum(), log_probs)
    assert gradient.tolist() == pytest.approx([0, -advantage, 0])
    (gradient,) = torch.autograd.grad(kl.sum(), log_probs)
    # 1 - r as ever; of the third, above the bound, none
    assert gradient.tolist() == pytest.approx([1, 0, 0])


def test_below_the_bound_nothing_is_cut():
    log_probs = tensor([-1.0, -1.0], dtype=torch.float64, requires_grad=True)
    old = log_probs.detach() - tensor([MAX_LOG_RATIO - 0.01, -MAX_LOG_RATIO - 3])
    loss, _ = policy_loss(log_probs, old, -torch.ones(2, dtype=torch.float64), 0.2)
    assert loss[0].item() == pytest.approx(math.exp(MAX_LOG_RATIO - 0.01))
    (gradient,) = torch.autograd.grad(loss[0], log_probs)
    assert gradient[0].item() == pytest.approx(math.exp(MAX_LOG_RATIO - 0.01))
    estimate = kl_estimate(log_probs, old, "k3")
    assert estimate[0].item() == pytest.approx(math.exp(-MAX_LOG_RATIO + 0.01) - 1 + MAX_LOG_RATIO - 0.01)
