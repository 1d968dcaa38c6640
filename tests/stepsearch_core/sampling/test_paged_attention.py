import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.sampling.paged_attention import Pass
from stepsearch_core.sampling.paged_cache import PagedCache
from tests import tiny

MODEL = tiny.model(tiny.tokenizer())  # 4 heads, 2 of keys and values, of 8
CAPACITY, BLOCK = 40, 8


class Contexts:
    """A cache beside what it should hold: the keys and values of each context, [tokens, 2, 8]."""

    def __init__(self, rows, seed):
        self.cache = PagedCache(MODEL, rows, CAPACITY, BLOCK)
        self.cache.keys.fill_(1e4)  # would be seen if anybody read what nobody wrote
        self.cache.values.fill_(1e4)
        self.draw = torch.Generator().manual_seed(seed)
        self.keys = [torch.zeros(0, 2, 8) for _ in range(rows)]
        self.values = [torch.zeros(0, 2, 8) for _ in range(rows)]

    def random(self, *shape):
        return torch.randn(shape, generator=self.draw)

    def go(self, counts, layer=1, stride=16):
        """A pass of `counts` (row -> new tokens); what it finds for all tokens and for the last ones, and
        should.
        """
        rows = sorted(counts, key=lambda row: counts[row] > 1)
        for row in rows:
            self.cache.append(row, counts[row])
        pass_ = Pass(self.cache, rows, [counts[row] for row in rows], stride)
        tokens = sum(counts.values()) + pass_.padding
        query, key, value = self.random(tokens, 4, 8), self.random(tokens, 2, 8), self.random(tokens, 2, 8)
        pass_.store(layer, key, value)
        expected, start = [], 0
        for row in rows:
            mine = slice(start, start + counts[row])
            self.keys[row] = torch.cat((self.keys[row], key[mine]))
            self.values[row] = torch.cat((self.values[row], value[mine]))
            expected.append(plain(query[mine], self.keys[row], self.values[row]))
            assert pass_.positions[mine].tolist() == list(range(len(self.keys[row])))[-counts[row] :]
            assert pass_.last[rows.index(row)] == mine.stop - 1
            start = mine.stop
        assert len(pass_.positions) % stride == len(pass_.last) % stride == 0
        last = pass_.attend_last(layer, query[pass_.last])[: len(rows)]
        return (
            pass_.attend(layer, query)[:start],
            torch.cat(expected),
            last,
            torch.stack([e[-1] for e in expected]),
        )


def test_the_drawn_example():
    """The numbers in the docstring of `Blocks`."""
    cache = PagedCache(MODEL, 2, 8, 4)
    for row, tokens in ((0, 4), (1, 6), (0, 1)):
        cache.append(row, tokens)
    assert cache.table.tolist() == [[1, 4], [2, 3]]
    weights = {1: [1, 1, 2, 4], 2: [1, 1, 1, 1], 3: [2, 2, 99, 99], 4: [8, 99, 99, 99]}  # 99: nobody's
    held = {1: [1, 2, 3, 4], 2: [0, 0, 0, 4], 3: [8, 8, 77, 77], 4: [5, 77, 77, 77]}
    for block in weights:  # of all heads, in the first of 8 dimensions
        cache.keys[0, block, :, :, 0] = torch.tensor(weights[block]).log()
        cache.values[0, block, :, :, 0] = torch.tensor(held[block]).float()
    query = torch.zeros(2, 4, 8)
    query[:, :, 0] = 1.0
    pass_ = Pass(cache, [0, 1], [1, 1], 1)
    blocks = pass_._blocks
    assert blocks.owner.tolist() == [0, 0, 1, 1, 0]
    assert (blocks.hidden == 0).sum(-1).flatten().tolist() == [0, 4, 4, 2, 1]
    assert blocks.table.tolist() == [[1, 4], [2, 3]]
    for found in (pass_.attend(0, query), pass_.attend_last(0, query)):
        assert found[:, :, 0].tolist() == [pytest.approx([4.0625] * 4), pytest.approx([4.5] * 4)]


def plain(query, keys, values):
    """Attention written out: token by token, head by head."""
    found = torch.zeros_like(query)
    for token in range(len(query)):
        end = len(keys) - len(query) + token + 1
        for head in range(4):
            shares = torch.softmax(keys[:end, head // 2] @ query[token, head], dim=0)
            found[token, head] = shares @ values[:end, head // 2]
    return found


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_each_token_finds_what_plain_attention_over_its_own_context_does(data):
    rows = data.draw(st.integers(1, 6))
    contexts = Contexts(rows, data.draw(st.integers(0, 99)))
    for _ in range(data.draw(st.integers(1, 5))):
        counts = {}
        for row in data.draw(st.sets(st.integers(0, rows - 1), min_size=1)):
            room = CAPACITY - len(contexts.keys[row])
            if room:
                counts[row] = min(room, data.draw(st.sampled_from([1, 1, 1, 2, 9, 17])))
        if counts:
            found, expected, last, expected_last = contexts.go(counts)
            assert torch.allclose(found, expected, atol=1e-5)
            assert torch.allclose(last, expected_last, atol=1e-5)


@pytest.mark.parametrize("row", [0, 9])
def test_few_contexts_of_many_read_copies_of_their_blocks(row):
    contexts = Contexts(10, 0)
    contexts.go(dict.fromkeys(range(10), 30))
    found, expected, _, _ = contexts.go({row: 1})
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_context_that_ended_leaves_nothing_behind():
    contexts = Contexts(2, 0)
    contexts.go({0: 20, 1: 12})
    contexts.cache.clear(0)
    contexts.keys[0], contexts.values[0] = contexts.keys[0][:0], contexts.values[0][:0]
    contexts.go({0: 3, 1: 1})
    found, expected, _, _ = contexts.go({0: 1, 1: 1})
    assert torch.allclose(found, expected, atol=1e-5)


def test_layers_are_apart():
    contexts = Contexts(1, 0)
    contexts.go({0: 5})
    assert (contexts.cache.keys[0] == 1e4).all()
    assert (contexts.cache.keys[1, contexts.cache.blocks(0)][:, :, :5] != 1e4).all()


@pytest.mark.parametrize("others", [1, 3, 12])
def test_what_a_context_finds_does_not_depend_on_the_others_bit_for_bit(others):
    draw = np.random.default_rng(others)
    query, key, value = torch.randn(31, 4, 8), torch.randn(31, 2, 8), torch.randn(31, 2, 8)

    def found(rows, mine):
        cache = PagedCache(MODEL, rows, CAPACITY, BLOCK)
        results, seen = [], 0
        for new in (20, 1, 1, 9):
            counts = {row: int(draw.choice([1, 2, 5])) for row in range(rows)} | {mine: new}
            order = sorted(counts, key=lambda row: counts[row] > 1)
            for row in order:
                cache.append(row, counts[row])
            pass_ = Pass(cache, order, [counts[row] for row in order], 16)
            end = int(pass_.last[order.index(mine)]) + 1
            states = [torch.randn(len(pass_.positions), *part.shape[1:]) for part in (query, key, value)]
            for state, part in zip(states, (query, key, value), strict=True):
                state[end - new : end] = part[seen : seen + new]
            pass_.store(0, states[1], states[2])
            results += [
                pass_.attend(0, states[0])[end - new : end],
                pass_.attend_last(0, states[0][pass_.last]),
            ]
            results[-1] = results[-1][order.index(mine)]
            seen += new
        return results

    alone = found(1, 0)
    for one, other in zip(alone, found(1 + others, others // 2), strict=True):
        assert torch.equal(one, other)
