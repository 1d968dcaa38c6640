"""What the real vLLM samples, held to plain forward passes of the same model."""

import numpy as np
import pytest

from stepsearch_core.sampling.engine import TurnRequest
from tests import tiny
from tests.vllm_parts import (
    CAPACITY,
    FIRST,
    PROMPTS,
    expected,
    finish,
    needs_vllm,
    random_ids,
    turn,
    written,
)

SCHEDULE = [
    {0: 5, 1: 9, 2: 1, 3: 7, 4: 30},
    {0: 5, 1: 2, 3: 7, 4: 12},  # slot 2 is done
    {1: 8, 4: 8},
    {4: 9},
]


def play(session, seed=3, greedy=False):
    """Slots that begin at once and go on by themselves; slot -> (context, mask, log-probabilities)."""
    generator = np.random.default_rng(seed)
    context, mask, recorded, turns = ({slot: [] for slot in PROMPTS} for _ in range(4))
    waiting = {slot: [limits[slot] for limits in SCHEDULE if slot in limits] for slot in PROMPTS}

    def submit(slot):
        new = (
            random_ids(np.random.default_rng([slot, len(turns[slot])]), 1 + 9 * slot)
            if turns[slot]
            else PROMPTS[slot]
        )
        turns[slot].append(waiting[slot].pop(0))
        session.submit(slot, TurnRequest(new, turns[slot][-1]))
        context[slot] += new
        mask[slot] += [False] * len(new)

    for slot in PROMPTS:
        session.open(slot, None if greedy else np.random.default_rng(generator.integers(2**31)))
        submit(slot)
    under_way = len(PROMPTS)
    while under_way:
        for slot, made in session.advance().items():
            assert len(made.log_probs) == len(made.token_ids) <= turns[slot][-1]
            context[slot] += made.token_ids
            mask[slot] += [True] * len(made.token_ids)
            recorded[slot] += made.log_probs
            under_way -= 1
            if waiting[slot]:
                submit(slot)
                under_way += 1
    assert session.advance() == {}
    return {slot: (context[slot], mask[slot], recorded[slot]) for slot in PROMPTS}


@needs_vllm
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_recorded_log_probs_are_those_of_one_full_pass(engine, temperature):
    engine.temperature = temperature
    for context, mask, recorded in play(engine.session(5, CAPACITY)).values():
        rows = tiny.full_log_probs(FIRST, context, temperature)
        again = [rows[p - 1, context[p]].item() for p, policy in enumerate(mask) if policy]
        assert recorded == pytest.approx(again, abs=1e-4)


@needs_vllm
def test_greedy_equals_running_the_whole_context_for_every_token(engine):
    for context, mask, recorded in play(engine.session(5, CAPACITY), greedy=True).values():
        rows = tiny.full_log_probs(FIRST, context)
        positions = [p for p, policy in enumerate(mask) if policy]
        assert [context[p] for p in positions] == [rows[p - 1].argmax().item() for p in positions]
        assert recorded == pytest.approx([rows[p - 1].max().item() for p in positions], abs=1e-4)


@needs_vllm
def test_greedy_and_sampling_slots_side_by_side(engine):
    session = engine.session(2, CAPACITY)
    session.open(0, None)
    session.open(1, np.random.default_rng(0))
    for slot in (0, 1):
        session.submit(slot, TurnRequest(PROMPTS[3], 20))
    made = finish(session, 2)
    assert made[0].token_ids == written(FIRST, PROMPTS[3], 20)[0]
    assert made[0].log_probs == pytest.approx(expected(FIRST, PROMPTS[3], made[0], 1.0), abs=1e-4)
    assert made[1].log_probs == pytest.approx(expected(FIRST, PROMPTS[3], made[1], 0.6), abs=1e-4)


@needs_vllm
def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(engine):
    one, same = (play(engine.session(5, CAPACITY)) for _ in range(2))
    assert {slot: context for slot, (context, _, _) in one.items()} == {
        s: context for s, (context, _, _) in same.items()
    }
    assert one[4][0] != play(engine.session(5, CAPACITY), seed=4)[4][0]


@needs_vllm
def test_tokens_follow_the_distribution(engine):
    """400 first tokens: the frequency of the likeliest lies within four standard errors of its
    probability.
    """
    session = engine.session(400, CAPACITY)
    for slot in range(400):
        session.open(slot, np.random.default_rng([7, slot]))
        session.submit(slot, TurnRequest([5, 9, 7], 1))
    tokens = [made.token_ids[0] for made in finish(session, 400).values()]
    probabilities = tiny.full_log_probs(FIRST, [5, 9, 7], 0.6)[-1].exp()
    likeliest = probabilities.argmax().item()
    share, p = tokens.count(likeliest) / 400, probabilities[likeliest].item()
    assert abs(share - p) < 4 * (p * (1 - p) / 400) ** 0.5
    other = tiny.full_log_probs(FIRST, [5, 9, 7], 1.0)[-1].exp()[likeliest].item()
    assert abs(share - other) > 4 * (other * (1 - other) / 400) ** 0.5  # it can tell temperatures apart


@needs_vllm
def test_prompts_that_do_not_fit_into_one_pass(engine):
    session = engine.session(30, CAPACITY)
    prompts = [random_ids(np.random.default_rng([2, slot]), 200) for slot in range(30)]
    for slot, prompt in enumerate(prompts):
        session.open(slot, np.random.default_rng([3, slot]))
        session.submit(slot, TurnRequest(prompt, 5))
    for slot, made in finish(session, 30).items():
        assert made.log_probs == pytest.approx(expected(FIRST, prompts[slot], made, 0.6), abs=1e-4)


@needs_vllm
def test_a_later_turn_finds_its_context_in_the_cache(engine, cached):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    prompt = random_ids(np.random.default_rng(0), 70)
    first = turn(session, 0, prompt, 20)  # 90 tokens, the last of them not yet computed
    turn(session, 0, PROMPTS[3], 5)  # 95 more
    turn(session, 0, PROMPTS[0], 5)
    assert len(first.token_ids) == 20
    assert cached == [0, 64, 96]  # whole blocks of 32


@needs_vllm
def test_slots_that_begin_with_one_prompt_share_its_prefill(engine, cached):
    """Also in the pass that computes it; what they write is as if each had computed it by itself."""
    session = engine.session(5, CAPACITY)
    prompt, other = (random_ids(np.random.default_rng(seed), 100) for seed in (11, 12))
    for slot, ids in enumerate([prompt, other, prompt, prompt, prompt]):
        session.open(slot, np.random.default_rng(slot))
        session.submit(slot, TurnRequest(ids, 6))
    made = finish(session, 5)
    assert sorted(cached) == [0, 0, 96, 96, 96]  # whole blocks of 32
    assert len({tuple(made[slot].token_ids) for slot in (0, 2, 3, 4)}) > 1
    for slot, ids in enumerate([prompt, other, prompt, prompt, prompt]):
        assert made[slot].log_probs == pytest.approx(expected(FIRST, ids, made[slot], 0.6), abs=1e-4)
