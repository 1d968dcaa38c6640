"""Every baseline played by a real language model, where STEPSEARCH_SMOLLM names SmolLM2-135M-Instruct."""

import os

import pytest

from stepsearch_core.base.types import FAILURES, ActionKind, Author
from stepsearch_core.environment.protocols.ircot import ends_sentence
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny

pytestmark = pytest.mark.slow
LIMITS = {"max_turn_tokens": 24, "max_observation_tokens": 80, "max_trajectory_tokens": 900}


@pytest.fixture(scope="module")
def smollm():
    folder = os.environ.get("STEPSEARCH_SMOLLM")
    if not folder:
        pytest.skip("STEPSEARCH_SMOLLM names no folder with SmolLM2-135M-Instruct")
    from stepsearch_core.policy.models import load_policy

    return load_policy(folder, "bfloat16")


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "agent"])
def test_two_questions_are_played_to_their_ends(smollm, name, tmp_path):
    policy, tokenizer = smollm
    protocol = PROTOCOLS[name]
    limits = tiny.environment(
        **LIMITS, protocol=name, prompt="paper", parser="lenient", chat_template=True, max_searches=2
    )
    engine = TransformersEngine(policy, tokenizer, ends=protocol.ends)
    rollout = Rollout(engine, tiny.retriever(tmp_path), Renderer(tokenizer, limits), RolloutParams())
    for asked, made in zip((tiny.ADA, tiny.BOB), rollout.greedy([tiny.ADA, tiny.BOB]), strict=True):
        assert made.stop_reason not in FAILURES
        assert len(made.token_ids) <= LIMITS["max_trajectory_tokens"]
        assert len(made.searches) <= (2 if protocol.goes_on else int(protocol.asks_first))
        shown = tokenizer.decode(made.token_ids)
        assert f"Question: {asked.question}\n" in shown
        assert shown.count("<information>Doc 1") == (0 if protocol.refinement else len(made.searches))
        if protocol.asks_first:
            assert made.searches[0].action.text == asked.question
            assert shown.index("<information>") < shown.index("<|im_start|>assistant")
        written = [segment for segment in made.segments if segment.author is Author.POLICY]
        for segment, turn in zip(written, made.turns[-len(written) :], strict=True):
            assert len(segment.token_ids) == len(segment.log_probs or ()) <= LIMITS["max_turn_tokens"]
            if name == "ircot" and turn.action.kind is ActionKind.SEARCH:
                full = len(segment.token_ids) == LIMITS["max_turn_tokens"]
                closed = segment.token_ids[-1] in tokenizer.turn_ends
                assert full or closed or ends_sentence(turn.text)
