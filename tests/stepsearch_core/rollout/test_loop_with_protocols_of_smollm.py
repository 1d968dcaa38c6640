"""Every baseline played by a real language model, where STEPSEARCH_SMOLLM names SmolLM2-135M-Instruct."""

import os

import pytest

from stepsearch_core.base.types import FAILURES, ActionKind, Author
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.protocols.ircot import ends_sentence
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.engine import TurnRequest
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


def renderer(tokenizer, protocol):
    limits = {**LIMITS, "prompt": "paper", "parser": "lenient", "chat_template": True, "max_searches": 2}
    return Renderer(tokenizer, tiny.environment(**limits, protocol=protocol))


def next_turn(session, playing):
    """The next turn of an episode, written by the model."""
    if playing.fresh:
        session.open(0, None)
    session.submit(0, TurnRequest(playing.new_tokens, playing.turn_tokens))
    while not (ended := session.advance()):
        pass
    return ended[0]


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "agent"])
def test_two_questions_are_played_to_their_ends(smollm, name, tmp_path):
    policy, tokenizer = smollm
    protocol = PROTOCOLS[name]
    engine = TransformersEngine(policy, tokenizer, ends=protocol.ends)
    rollout = Rollout(engine, tiny.retriever(tmp_path), renderer(tokenizer, name), RolloutParams())
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


def test_search_o1_shows_what_the_model_writes_of_documents(smollm):
    """The first turn is given: a model of this size does not search by itself."""
    policy, tokenizer = smollm
    playing = Episode(tiny.ADA, 0, renderer(tokenizer, "search_o1"))
    session = TransformersEngine(policy, tokenizer).session(1, LIMITS["max_trajectory_tokens"])
    ids = tokenizer.encode(THINK.search_turn("her birthplace", "ada born"), add_special_tokens=False)
    playing.act(ids, None, tokenizer.decode(ids))
    playing.observe(tiny.PASSAGES[:2])
    summary = next_turn(session, playing)
    playing.act(summary.token_ids, summary.log_probs, summary.text)
    assert playing.trajectory.aside_tokens == len(summary.token_ids)
    shown = tokenizer.decode(playing.new_tokens)
    assert f"<information>{' '.join(summary.text.split())}</information>" in shown
    assert "oslo" in summary.text.lower()  # of the documents, which the context itself never shows
    assert "Doc 1" not in shown
    turn = next_turn(session, playing)
    playing.act(turn.token_ids, turn.log_probs, turn.text)
    assert playing.trajectory.token_ids[: len(playing.new_tokens)] == playing.new_tokens
