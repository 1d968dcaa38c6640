"""Whole rollouts sampled with the real vLLM.

Other company in a batch changes the last bits of its sums. So what is the same bit for bit with transformers
is the same here within a tolerance: log-probabilities within 1e-4, and all tokens as long as no draw falls
between two sums.
"""

import pytest

from stepsearch_core.base.types import StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.rollout.troubles import Delayed
from tests.vllm_parts import WORD, needs_vllm, searcher

QUESTIONS = [tiny.ADA, tiny.BOB] * 3
SAME_TOKENS = 0.9
"""Of trajectories, at least."""


@pytest.fixture(scope="module")
def policy():
    return searcher()


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


def rollout(engine, retriever):
    return Rollout(engine, retriever, Renderer(WORD, tiny.ENVIRONMENT), RolloutParams(batch_size=5))


def assert_same(made, expected):
    """Within the tolerance."""
    pairs = [(a, b) for a, b in zip(made, expected, strict=True) if a.token_ids == b.token_ids]
    assert len(pairs) >= SAME_TOKENS * len(expected)
    for one, other in pairs:
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
        assert (one.turns, one.stop_reason) == (other.turns, other.stop_reason)


@needs_vllm
def test_greedy_trajectories_are_those_of_the_transformers_engine(engine, policy, retriever):
    engine.update(policy)
    made = rollout(engine, retriever).greedy(QUESTIONS)
    plain = rollout(TransformersEngine(policy, WORD), retriever).greedy(QUESTIONS)
    assert [each.token_ids for each in made] == [each.token_ids for each in plain]
    assert sum(len(each.searches) for each in made) >= 6
    for one, other in zip(made, plain, strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-4)


@needs_vllm
def test_delays_change_the_order_of_events_and_trajectories_by_no_more_than_rounding(
    engine, policy, retriever
):
    engine.update(policy)
    expected = rollout(engine, retriever).sample(QUESTIONS, 4, tiny.streams(1))
    assert sum(len(trajectory.searches) for trajectory in expected) > 10
    for seed in range(3):
        assert_same(
            rollout(engine, Delayed(retriever, seed)).sample(QUESTIONS, 4, tiny.streams(1)), expected
        )
    other = rollout(engine, retriever).sample(QUESTIONS, 4, tiny.streams(2))
    with pytest.raises(AssertionError):  # it can tell other draws apart
        assert_same(other, expected)


@needs_vllm
def test_a_pass_that_fails_loses_the_trajectories_in_it_and_no_others(engine, policy, retriever):
    engine.update(policy)
    good = rollout(engine, retriever).sample(QUESTIONS, 4, tiny.streams(0))
    passes = 0

    def breaks_twice(module, inputs):
        nonlocal passes
        passes += 1
        if passes in (9, 30):
            raise MemoryError("no memory")

    [hook] = engine._vllm.apply_model(
        lambda model: model.model.layers[1].register_forward_pre_hook(breaks_twice)
    )
    try:
        made = rollout(engine, retriever).sample(QUESTIONS, 4, tiny.streams(0))
    finally:
        hook.remove()
    kept = [trajectory.stop_reason is not StopReason.ENGINE_FAILED for trajectory in made]
    assert 2 <= kept.count(False) <= 10  # two sessions of five slots
    assert_same(*([each for each, whole in zip(run, kept, strict=True) if whole] for run in (made, good)))
