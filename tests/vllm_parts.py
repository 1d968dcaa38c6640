"""What tests of the real vLLM share, on a CPU or a GPU; `make test-vllm` runs them where it is not
installed.
"""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from stepsearch_core.params import RolloutParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.sampling.engine import TurnRequest
from stepsearch_core.sampling.vllm_arguments import vllm_arguments
from stepsearch_core.sampling.vllm_engine import VllmEngine
from tests import tiny

# importing it here would be too early for its settings
INSTALLED = importlib.util.find_spec("vllm") is not None
NEEDS_VLLM = (
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not INSTALLED, reason="vLLM is not installed (make test-vllm)"),
)

WORD = tiny.tokenizer()
CAPACITY = 256
SLOTS = 512  # so many that the cache can be seen in the memory of the process: 67 MB
# vLLM's CPU kernels begin at heads of 32
SHAPE = replace(tiny.MODEL, hidden_size=64, heads=2, key_value_heads=1)


def model(seed=0, tokenizer=WORD):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "MODEL", SHAPE)
        return tiny.model(tokenizer, seed, sharpness=2.0)


def searcher():
    """`tiny.searcher` in a shape that vLLM can sample from on a CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "MODEL", SHAPE)
        return tiny.searcher(WORD)


def loaded(policy, tokenizer, folder, slots=SLOTS, temperature=0.6):
    save_policy(policy, tokenizer, folder)
    environment = tiny.environment(max_trajectory_tokens=CAPACITY)
    arguments = vllm_arguments(str(folder), SHAPE, environment, RolloutParams(batch_size=slots))
    return VllmEngine(arguments, tokenizer, temperature)


def needs_vllm(test):
    for mark in NEEDS_VLLM:
        test = mark(test)
    return test


FIRST, SECOND = model(0), model(1)


def random_ids(generator, length):
    return generator.integers(3, 50, size=length).tolist()


def finish(session, wanted):
    """Passes until these slots' turns have ended."""
    made = {}
    while len(made) < wanted:
        made |= session.advance()
    return made


def turn(session, slot, new_tokens, limit):
    session.submit(slot, TurnRequest(new_tokens, limit))
    return finish(session, 1)[slot]


def written(policy, context, limit):
    """Greedy tokens, the whole context run again for each, and their log-probabilities; no tag ends it."""
    ids, log_probs = [], []
    while len(ids) < limit:
        last = tiny.full_log_probs(policy, context + ids)[-1]
        ids.append(last.argmax().item())
        log_probs.append(last.max().item())
    return ids, log_probs


def expected(policy, prompt, made, temperature):
    rows = tiny.full_log_probs(policy, prompt + made.token_ids, temperature)
    return [rows[len(prompt) + i - 1, token].item() for i, token in enumerate(made.token_ids)]


PROMPTS = {
    slot: random_ids(np.random.default_rng(slot), length) for slot, length in enumerate([3, 41, 70, 30, 1])
}
