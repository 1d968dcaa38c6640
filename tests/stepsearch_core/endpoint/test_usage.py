import pytest

from stepsearch_core.endpoint.usage import Usage
from stepsearch_core.params import EndpointParams


def test_prices_are_of_a_million_tokens():
    usage = Usage(10, 2, 3_000_000, 500_000)
    prices = EndpointParams(prompt_price=0.15, reply_price=0.6)
    assert usage.cost(prices) == pytest.approx(3 * 0.15 + 0.5 * 0.6)
    assert usage.to_json(prices) == {
        "requests": 10,
        "kept": 2,
        "prompt_tokens": 3_000_000,
        "reply_tokens": 500_000,
        "cost": pytest.approx(0.75),
    }


def test_without_prices_no_cost_is_told():
    assert Usage(1).cost(EndpointParams(prompt_price=1.0)) is None
    assert "cost" not in Usage(1).to_json(EndpointParams())
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
