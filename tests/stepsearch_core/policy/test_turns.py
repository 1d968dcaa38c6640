import pytest

from stepsearch_core.policy.turns import may_close


@pytest.mark.parametrize("text", [">", "h>", " </search>", "</answer> and", "r>>", "x</answer>y", "search>", ">h"])
def test_tokens_in_which_a_stop_string_may_end(text):
    assert may_close(text)


@pytest.mark.parametrize("text", ["", "search", "</search", "</think>", "<search >", " >", "x>", "</Answer>"])
def test_tokens_in_which_none_can(text):
    assert not may_close(text)
