"""Rollouts through a chat template, with a real engine: many tokens end turns, and what follows is a new
turn.
"""

import pytest

from stepsearch_core.base.types import Author
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.policy.tokenizers import prepare
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import published, tiny
from tests.stepsearch_core.rollout.recording import Recording

ENDS = range(100, 300)  # of 405 tokens, so that noise ends turns


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    tokenizer = prepare(published.llama_3(), list(ENDS))
    limits = {"max_turn_tokens": 6, "max_observation_tokens": 100, "max_trajectory_tokens": 260}
    renderer = Renderer(tokenizer, tiny.environment(chat_template=True, max_searches=3, **limits))
    engine = Recording(TransformersEngine(tiny.model(tokenizer), tokenizer))
    rollout = Rollout(
        engine, tiny.retriever(tmp_path_factory.mktemp("index")), renderer, RolloutParams(batch_size=4)
    )
    return tokenizer, engine, rollout.sample([tiny.ADA, tiny.BOB], 8, tiny.streams(0))


def test_a_turn_ends_with_its_first_end_and_is_followed_by_a_new_one(played):
    tokenizer, _, made = played
    closed = cut = 0
    for trajectory in made:
        for written, follows in zip(trajectory.segments[1::2], trajectory.segments[2::2], strict=False):
            assert (written.author, follows.author) == (Author.POLICY, Author.ENVIRONMENT)
            assert not {*written.token_ids[:-1]} & {*ENDS}
            text = tokenizer.decode(follows.token_ids)
            if written.token_ids[-1] in ENDS:
                closed += 1
                assert text.startswith("<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nInvalid .")
                assert text.endswith("<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
            else:
                cut += 1
                assert len(written.token_ids) == 6
                assert text in ("Invalid . Search or answer .", "Invalid . Search or answer .Answer now .")
    assert closed > 10
    assert cut


def test_what_was_sampled_is_what_the_context_holds_within_its_limit(played):
    _, engine, made = played
    sampled = sorted(generation.token_ids for generation in engine.generations)
    segments = [segment for trajectory in made for segment in trajectory.segments]
    assert sorted(segment.token_ids for segment in segments if segment.author is Author.POLICY) == sampled
    assert max(len(trajectory.token_ids) for trajectory in made) <= 260
    assert all(
        trajectory.token_ids.count(400) == 1 == trajectory.token_ids.index(400) + 1 for trajectory in made
    )
