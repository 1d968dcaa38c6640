from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.policy.structure import FAMILIES
from stepsearch_core.sampling import transformers_engine
from stepsearch_core.sampling.decode_graph import DecodeGraphs, FixedDecoding, can_be_captured, pool_sizes
from stepsearch_core.sampling.engine import TurnRequest
from stepsearch_core.sampling.paged_cache import PagedCache
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.sampling.families import model

WORD = tiny.tokenizer()
MODEL = tiny.model(WORD, sharpness=2.0)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="captures on a GPU")


class Counted(FixedDecoding):
    """Counts its passes by size."""

    passes: dict[int, int]

    def _run(self, size):
        self.passes[size] = self.passes.get(size, 0) + 1
        super()._run(size)


def played(engine, slots=5, capacity=100):
    """Three turns of each slot, of different lengths and not all at once; one context is begun anew in
    between.
    """
    draw = np.random.default_rng(7)
    session = engine.session(slots, capacity)
    for slot in range(slots):
        session.open(slot, np.random.default_rng([3, slot]) if slot else None)
    made = []
    for turn in range(3):
        if turn == 2:
            session.close(1)
            session.open(1, np.random.default_rng([4, 1]))
        for slot in range(slots):
            session.submit(
                slot, TurnRequest(draw.integers(3, len(WORD), size=1 + slot).tolist(), 4 + 2 * slot)
            )
        ended = {}
        while len(ended) < slots:
            ended |= session.advance()
        made += [ended[slot] for slot in range(slots)]
    return made, session


def test_a_session_samples_the_same_with_passes_of_fixed_shape(monkeypatch):
    expected, _ = played(TransformersEngine(MODEL, WORD))
    monkeypatch.setattr(transformers_engine, "can_be_captured", lambda policy: True)
    monkeypatch.setattr(transformers_engine, "DecodeGraphs", Counted)
    monkeypatch.setattr(Counted, "passes", {}, raising=False)
    made, _ = played(TransformersEngine(MODEL, WORD))
    assert sum(Counted.passes.values()) > 20
    assert len(Counted.passes) > 1
    for one, other in zip(made, expected, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-5)


def test_another_model_is_sampled_from_with_ordinary_passes(monkeypatch):
    monkeypatch.setattr(transformers_engine, "can_be_captured", lambda policy: True)
    monkeypatch.setattr(transformers_engine, "DecodeGraphs", Counted)
    monkeypatch.setattr(Counted, "passes", {}, raising=False)
    engine = TransformersEngine(MODEL, WORD)
    session = engine.session(1, 40)
    session.open(0, np.random.default_rng(0))
    session.submit(0, TurnRequest([5, 6], 30))
    for _ in range(3):
        session.advance()
    assert sum(Counted.passes.values()) == 2  # the first pass has both tokens of the prompt
    engine.update(tiny.model(WORD, seed=1))
    session.advance()
    assert sum(Counted.passes.values()) == 2


def test_graphs_can_be_turned_off(monkeypatch):
    monkeypatch.setattr(transformers_engine, "can_be_captured", lambda policy: True)
    monkeypatch.setattr(transformers_engine, "DecodeGraphs", Counted)
    monkeypatch.setattr(Counted, "passes", {}, raising=False)
    played(TransformersEngine(MODEL, WORD, graphs=False))
    assert not Counted.passes


def test_weights_updated_in_place_are_seen():
    policy = tiny.model(WORD)
    cache = PagedCache(policy, 2, 16, 4)
    decoding = FixedDecoding(policy, cache)
    cache.append(1, 1)
    before = decoding.logits([1], [7])
    with torch.no_grad():
        policy.model.norm.weight.mul_(2)
    assert torch.allclose(decoding.logits([1], [7]), 2 * before, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_kernel_depends_on_a_value(family):
    # where whatever reads a value fails, as it does while a graph is captured
    policy = model(family).to("meta")
    FixedDecoding(policy, PagedCache(policy, 4, 24, 4))._run(9)


@given(st.integers(1, 5000))
def test_sizes_are_few_and_reach_to_the_end_of_the_pool(blocks):
    sizes = pool_sizes(blocks)
    assert len(sizes) <= 8
    assert sizes[-1] == blocks
    assert sizes[0] >= 1
    assert max(np.diff([0, *sizes])) <= -(-blocks // 8)


def test_sizes_are_eighths():
    assert pool_sizes(80) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert pool_sizes(9) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert pool_sizes(3) == [1, 2, 3]


@pytest.mark.parametrize(("device", "captured"), [("cuda", True), ("cpu", False)])
def test_what_is_captured(device, captured):
    model = SimpleNamespace(device=torch.device(device))
    assert can_be_captured(model) == captured  # type: ignore[arg-type]


@needs_gpu
def test_graphs_give_what_the_same_passes_give_without():
    policy = tiny.model(WORD).cuda()
    caches = [PagedCache(policy, 4, 16, 4) for _ in range(2)]
    graphs, plain = DecodeGraphs(policy, caches[0]), FixedDecoding(policy, caches[1])
    draw = np.random.default_rng(0)
    for count in [4, 4, 3, 4, 1, 4, 4, 2, 4, 4]:
        slots, tokens = list(range(count)), draw.integers(3, len(WORD), size=count).tolist()
        for cache in caches:
            for slot in slots:
                cache.append(slot, 1)
        assert torch.allclose(graphs.logits(slots, tokens), plain.logits(slots, tokens), atol=1e-4)


@needs_gpu
def test_a_session_with_graphs_samples_what_one_without_does():
    policy = tiny.model(WORD).cuda()
    made, session = played(TransformersEngine(policy, WORD))
    expected, _ = played(TransformersEngine(policy, WORD, graphs=False))
    assert isinstance(session._decoding, DecodeGraphs)
    for one, other in zip(made, expected, strict=True):
        assert one.token_ids == other.token_ids
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-3)
