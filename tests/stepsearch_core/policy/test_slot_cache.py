import torch

from stepsearch_core.policy.slot_cache import SlotCache
from tests import tiny


def states(rows, tokens, start=0.0):
    """[rows, 2 heads, tokens, 8], each token's values its own number."""
    numbers = start + torch.arange(rows * tokens, dtype=torch.float32).reshape(rows, 1, tokens, 1)
    return numbers.expand(rows, 2, tokens, 8)


def test_rows_write_at_their_own_positions_and_keep_what_they_have():
    cache = SlotCache(tiny.model(tiny.tokenizer()), rows=2, capacity=6)
    cache.place(None, torch.tensor([[0, 1, 2], [0, cache.scratch, cache.scratch]]), width=6)
    cache.update(states(2, 3, start=1), states(2, 3, start=101), 1)
    cache.place(None, torch.tensor([[3], [1]]), width=6)
    keys, values = cache.update(states(2, 1, start=7), states(2, 1, start=107), 1)
    assert keys.shape == (2, 2, 6, 8)
    assert keys[0, 0, :, 0].tolist() == [1, 2, 3, 7, 0, 0]
    assert keys[1, 1, :, 7].tolist() == [4, 8, 0, 0, 0, 0]  # padding went to scratch, which is not read
    assert values[0, 1, :4, 3].tolist() == [101, 102, 103, 107]
    other, _ = cache.update(states(2, 1), states(2, 1), 0)
    assert other[0, 0, :3, 0].tolist() == [0, 0, 0]  # layers are apart


def test_keep_drops_the_other_rows_and_reorders():
    cache = SlotCache(tiny.model(tiny.tokenizer()), rows=3, capacity=4)
    cache.place(None, torch.tensor([[0], [0], [0]]), width=2)
    cache.update(states(3, 1, start=1), states(3, 1, start=1), 0)
    cache.keep([2, 0])
    cache.place(None, torch.tensor([[1], [1]]), width=2)
    keys, _ = cache.update(states(2, 1, start=8), states(2, 1, start=8), 0)
    assert keys[:, 0, :, 0].tolist() == [[3, 8], [1, 9]]


def test_a_pass_may_take_some_rows_in_any_order():
    cache = SlotCache(tiny.model(tiny.tokenizer()), rows=3, capacity=4)
    cache.place(None, torch.tensor([[0], [0], [0]]), width=2)
    cache.update(states(3, 1, start=1), states(3, 1, start=1), 0)
    cache.place(torch.tensor([2, 0]), torch.tensor([[1], [1]]), width=2)
    keys, _ = cache.update(states(2, 1, start=8), states(2, 1, start=8), 0)
    assert keys[:, 0, :, 0].tolist() == [[3, 8], [1, 9]]
    cache.place(None, torch.tensor([[cache.scratch]] * 3), width=2)
    keys, _ = cache.update(states(3, 1), states(3, 1), 0)
    assert keys[:, 0, :, 0].tolist() == [[1, 9], [2, 0], [3, 8]]


def test_rows_share_what_one_has():
    cache = SlotCache(tiny.model(tiny.tokenizer()), rows=3, capacity=4)
    cache.place(torch.tensor([1]), torch.tensor([[0, 1, 2]]), width=3)
    cache.update(states(1, 3, start=1), states(1, 3, start=11), 0)
    cache.share(1, 0, 2)
    cache.share(1, 2, 2)
    cache.place(None, torch.tensor([[cache.scratch]] * 3), width=3)
    keys, values = cache.update(states(3, 1), states(3, 1), 0)
    assert keys[:, 0, :, 0].tolist() == [[1, 2, 0], [1, 2, 3], [1, 2, 0]]
    assert values[:, 1, :, 5].tolist() == [[11, 12, 0], [11, 12, 13], [11, 12, 0]]
