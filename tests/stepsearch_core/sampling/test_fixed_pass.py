import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.policy.structure import FAMILIES
from stepsearch_core.sampling.decoder import last_states
from stepsearch_core.sampling.fixed_pass import FixedPass
from stepsearch_core.sampling.paged_attention import Pass
from stepsearch_core.sampling.paged_cache import PagedCache
from tests.stepsearch_core.sampling.families import model

ROWS, CAPACITY, BLOCK = 4, 24, 4
MODELS = {family: model(family) for family in FAMILIES}


class Twins:
    """Two caches of the same contexts: one decodes with ordinary passes, the other with fixed ones."""

    def __init__(self, policy):
        self.policy, self.draw = policy, np.random.default_rng(0)
        self.ordinary, self.fixed = (PagedCache(policy, ROWS, CAPACITY, BLOCK) for _ in range(2))

    def random(self, count):
        return self.draw.integers(60, size=count).tolist()

    def begin(self, row, tokens):
        """New tokens of a context, by an ordinary pass in both."""
        ids = self.random(tokens)
        for cache in (self.ordinary, self.fixed):
            self.passed(cache, {row: ids})

    def end(self, row):
        for cache in (self.ordinary, self.fixed):
            cache.clear(row)

    @torch.no_grad()
    def passed(self, cache, new):
        for row, ids in new.items():
            cache.append(row, len(ids))
        pass_ = Pass(cache, list(new), [len(ids) for ids in new.values()], 16)
        ids = [token for each in new.values() for token in each] + [0] * pass_.padding
        return last_states(self.policy, torch.tensor(ids), pass_)[: len(new)]

    @torch.no_grad()
    def decode(self, rows, size=None):
        """A token each of some contexts: the states of both sides, and of contexts without one."""
        ids = self.random(len(rows))
        expected = self.passed(self.ordinary, {row: [token] for row, token in zip(rows, ids, strict=True)})
        for row in rows:
            self.fixed.append(row, 1)
        all_ids, lengths = torch.zeros(2, ROWS, dtype=torch.long)
        table = torch.zeros(self.fixed.table.shape, dtype=torch.long)
        all_ids[rows], lengths[rows] = torch.tensor(ids), torch.tensor(self.fixed.lengths[rows])
        table[rows] = torch.tensor(self.fixed.table[rows])
        states = last_states(
            self.policy, all_ids, FixedPass(self.fixed, lengths, table, size or 1 + int(table.max()))
        )
        return states[rows], expected, states[[row for row in range(ROWS) if row not in rows]]

    def check(self, rows, size=None):
        before = [stored.clone() for stored in (self.fixed.keys, self.fixed.values)]
        made, expected, idle = self.decode(rows, size)
        assert torch.allclose(made, expected, atol=1e-5)
        assert torch.isfinite(idle).all()
        places = [
            (self.fixed.table[row, (n - 1) // BLOCK], (n - 1) % BLOCK) for row, n in self.lengths(rows)
        ]
        others = (self.ordinary.keys, self.ordinary.values)
        for stored, old, other in zip((self.fixed.keys, self.fixed.values), before, others, strict=True):
            assert torch.isfinite(stored).all()
            assert torch.allclose(stored[:, 1:], other[:, 1:], atol=1e-5)
            for block, offset in places:
                old[:, block, :, offset] = stored[:, block, :, offset]
            assert torch.equal(stored[:, 1:], old[:, 1:])  # nothing else has changed

    def lengths(self, rows):
        return [(row, int(self.fixed.lengths[row])) for row in rows]


@pytest.mark.parametrize("family", FAMILIES)
def test_states_and_the_cache_are_those_of_ordinary_passes(family):
    twins = Twins(MODELS[family])
    for row, tokens in enumerate((5, 9, 1)):
        twins.begin(row, tokens)
    for rows in ([0, 1, 2], [2, 0], [1], [2, 1, 0]):  # the last context is never there
        twins.check(rows)
    twins.end(1)
    twins.check([0, 2])
    twins.check([3, 0])  # begins with a single token, in a block that was given back
    twins.begin(1, 7)
    for _ in range(6):
        twins.check([0, 1, 2, 3])


@settings(max_examples=settings().max_examples // 10)
@given(st.data())
def test_whoever_waits_begins_or_ends_in_between(data):
    twins = Twins(MODELS["qwen2"])
    for _ in range(data.draw(st.integers(1, 8))):
        lengths = twins.fixed.lengths
        for row in data.draw(st.sets(st.integers(0, ROWS - 1))):
            more = data.draw(st.integers(0, CAPACITY))
            if more == 0 or lengths[row] + more > CAPACITY:
                twins.end(row)
            else:
                twins.begin(row, more)
        rows = [row for row in data.draw(st.permutations(range(ROWS))) if lengths[row] < CAPACITY]
        if rows:
            twins.check(rows[: data.draw(st.integers(1, len(rows)))], data.draw(st.sampled_from([None, 25])))


def test_scratch_that_many_wrote_to_is_seen_by_nobody():
    twins = Twins(MODELS["qwen2"])
    twins.begin(0, 3)
    twins.check([0])
    twins.fixed.keys[:, 0], twins.fixed.values[:, 0] = 1e4, 1e4
    twins.check([0])


def test_what_it_works_out_has_the_same_shapes_whatever_the_contexts():
    def shapes(lengths, table):
        cache = PagedCache(MODELS["qwen2"], ROWS, CAPACITY, BLOCK)
        pass_ = FixedPass(cache, torch.tensor(lengths), torch.tensor(table), 9)
        tensors = [
            value for value in (*vars(pass_).values(), *pass_._blocks) if isinstance(value, torch.Tensor)
        ]
        return [tensor.shape for tensor in tensors]

    none = [[0] * 6] * ROWS
    few = shapes([0, 3, 0, 0], [[0] * 6, [8, 0, 0, 0, 0, 0], *none[2:]])
    assert few == shapes([24, 5, 0, 0], [[1, 2, 3, 4, 5, 6], [8, 7, 0, 0, 0, 0], *none[2:]])
    assert len(few) == 8
    assert few[:4] == [(ROWS, 1, 1), (ROWS,), (ROWS,), (ROWS * 2,)]  # who works, last, positions, places
