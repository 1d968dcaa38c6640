import torch
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.sampling.paged_cache import PagedCache
from tests import tiny

MODEL = tiny.model(tiny.tokenizer())


def test_contexts_take_the_lowest_free_blocks_as_they_grow():
    cache = PagedCache(MODEL, rows=2, capacity=10, block=4)
    cache.append(0, 5)
    cache.append(1, 4)
    cache.append(0, 3)
    assert cache.table.tolist() == [[1, 2, 0], [3, 0, 0]]
    cache.append(1, 1)
    cache.clear(0)
    assert cache.table.tolist() == [[0, 0, 0], [3, 4, 0]]
    cache.append(0, 10)
    assert cache.table.tolist() == [[1, 2, 5], [3, 4, 0]]
    assert cache.lengths.tolist() == [10, 5]
    assert cache.blocks(0).tolist() == [1, 2, 5]


def test_shapes_are_those_of_the_model():
    cache = PagedCache(MODEL, rows=3, capacity=9, block=4)
    # layers, blocks, heads, tokens, head_dim
    assert cache.keys.shape == cache.values.shape == (2, 1 + 3 * 3, 2, 4, 8)


def test_others_get_copies_of_what_one_holds():
    cache = PagedCache(MODEL, rows=3, capacity=8, block=4)
    cache.append(1, 6)
    cache.keys.copy_(torch.arange(cache.keys.numel()).reshape(cache.keys.shape))
    cache.values.copy_(-cache.keys)
    cache.copy_to(1, [2, 0])
    assert cache.lengths.tolist() == [6, 6, 6]
    for row in (0, 2):
        assert set(cache.blocks(row).tolist()).isdisjoint(cache.blocks(1).tolist())
        assert torch.equal(cache.keys[:, cache.blocks(row)], cache.keys[:, cache.blocks(1)])
        assert torch.equal(cache.values[:, cache.blocks(row)], -cache.keys[:, cache.blocks(1)])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=40))
def test_no_block_has_two_owners_and_full_contexts_fit(events):
    cache = PagedCache(MODEL, rows=4, capacity=13, block=3)
    for row, tokens in events:
        if tokens == 0 or cache.lengths[row] + tokens > 13:
            cache.clear(row)
        else:
            cache.append(row, tokens)
        used = cache.table[cache.table > 0].tolist()
        assert len(used) == len(set(used))
        assert (cache.table > 0).sum(axis=1).tolist() == (-(-cache.lengths // 3)).tolist()
    for row in range(4):
        cache.append(row, 13 - int(cache.lengths[row]))
