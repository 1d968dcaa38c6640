import pytest
import torch

from stepsearch_core.training.schedule import schedule


def rates(kind, updates, warmup_ratio):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = schedule(kind, optimizer, updates, warmup_ratio)
    seen = []
    for _ in range(updates):
        seen.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("constant", [0.0, 1.0, 2.0, 2.0, 2.0, 2.0]),
        ("linear", [0.0, 1.0, 2.0, 1.5, 1.0, 0.5]),
        ("cosine", [0.0, 1.0, 2.0, 1.0 + 2**-0.5, 1.0, 1.0 - 2**-0.5]),
    ],
)
def test_rates_by_hand(kind, expected):
    assert rates(kind, 6, 1 / 3) == pytest.approx(expected)


def test_without_a_warm_up_the_first_update_has_the_whole_rate():
    assert rates("constant", 3, 0.0) == [2.0, 2.0, 2.0]
