"""Where a turn and a session of the real vLLM end."""

import numpy as np
import pytest

from stepsearch_core.sampling.engine import TurnRequest
from tests import across_tags, tiny
from tests.stepsearch_core.sampling.writers import untagged_bpe, writer
from tests.vllm_parts import (
    CAPACITY,
    FIRST,
    PROMPTS,
    SECOND,
    WORD,
    expected,
    finish,
    loaded,
    model,
    needs_vllm,
    turn,
    written,
)


@pytest.fixture(scope="module")
def multi_token(tmp_path_factory):
    tokenizer = untagged_bpe()
    assert len(tokenizer.encode("</search>")) > 5
    policy = model(tokenizer=tokenizer)
    return tokenizer, loaded(policy, tokenizer, tmp_path_factory.mktemp("untagged") / "policy", slots=1)


@needs_vllm
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_the_limit_ends_a_turn(engine, limit):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    assert turn(session, 0, PROMPTS[1], limit).token_ids == written(FIRST, PROMPTS[1], limit)[0]


@needs_vllm
def test_a_context_may_fill_its_slot_and_no_more(engine):
    session = engine.session(1, 100)
    session.open(0, None)
    with pytest.raises(ValueError, match="90 tokens and a turn of 11 exceed 100"):
        session.submit(0, TurnRequest([5] * 90, 11))
    assert turn(session, 0, [5] * 90, 10).token_ids == written(FIRST, [5] * 90, 10)[0]
    with pytest.raises(ValueError, match="contexts of 257 tokens, the engine was made for 256"):
        engine.session(1, CAPACITY + 1)


@needs_vllm
@pytest.mark.parametrize(
    ("text", "ends_with"),
    [
        ("ada <search> where lies oslo </search> norway . bob", "</search>"),
        ("ada <answer> norway </answer> oslo . bob", "</answer>"),
        ("ada was born in <|end|> rome . bob", "<|end|>"),
    ],
)
def test_a_turn_ends_at_once_where_an_action_closes_or_the_text_ends(engine, text, ends_with):
    policy, prompt, rest = writer(model(), WORD, text)
    engine.update(policy)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 30)
    stop = rest.index(WORD.convert_tokens_to_ids(ends_with)) + 1
    assert made.token_ids == rest[:stop]
    assert made.text == WORD.decode(rest[:stop], skip_special_tokens=True)
    assert made.log_probs == pytest.approx(expected(policy, prompt, made, 1.0), abs=1e-4)


@needs_vllm
@pytest.mark.parametrize(
    ("text", "text_written"),
    [
        ("o<search> os < / lo > </search> oslo and on", "<search> os < / lo > </search>"),
        ("o<answer>oslo</answer>oslo and on", "<answer>oslo</answer>"),
        ("o<search>lo</search>>oslo and on", "<search>lo</search>>"),  # ">>" is one token here
    ],
)
def test_a_tag_of_several_tokens_ends_a_turn_as_well(multi_token, text, text_written):
    tokenizer, engine = multi_token
    policy, prompt, rest = writer(model(tokenizer=tokenizer), tokenizer, text)
    engine.update(policy)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 60)
    assert made.text == text_written
    assert made.token_ids == rest[: len(made.token_ids)]


@needs_vllm
def test_a_turn_ends_with_its_tag_though_the_token_begins_a_character_as_well(tmp_path):
    """vLLM waits for the rest of a character before it looks for the tag."""
    tokenizer = across_tags.qwen()
    half, _ = across_tags.searching(tokenizer, "oslo", across_tags.TORN)
    ids = [*tokenizer.encode("o"), *half, *tokenizer.encode("oslo and on <answer> rome </answer>")]
    policy, prompt, rest = writer(model(tokenizer=tokenizer), tokenizer, ids)
    engine = loaded(policy, tokenizer, tmp_path / "policy", slots=1)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 60)
    assert made.token_ids == half
    assert made.text.endswith("</search>\ufffd")
    assert made.log_probs == pytest.approx(expected(policy, prompt, made, 1.0), abs=1e-4)
    again = turn(session, 0, rest[len(half) : -1], 1)  # the context is what the trajectory holds
    assert again.log_probs == pytest.approx(expected(policy, [*prompt, *rest[:-1]], again, 1.0), abs=1e-4)


@needs_vllm
def test_each_of_several_ends_ends_a_turn(engine, monkeypatch):
    policy, prompt, rest = writer(model(), WORD, "ada was born in oslo rome . bob")
    engine.update(policy)
    ended = tiny.tokenizer()
    ended.turn_ends = {WORD.eos_token_id, WORD.convert_tokens_to_ids("oslo")}
    monkeypatch.setattr(engine, "tokenizer", ended)
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    made = turn(session, 0, prompt, 30)
    assert made.token_ids == rest[: rest.index(WORD.convert_tokens_to_ids("oslo")) + 1]
    assert made.log_probs == pytest.approx(expected(policy, prompt, made, 1.0), abs=1e-4)


@needs_vllm
def test_rows_that_the_tokenizer_has_no_token_for_are_never_drawn(engine, monkeypatch):
    def highest(tokenizer):
        monkeypatch.setattr(engine, "tokenizer", tokenizer)
        session = engine.session(8, CAPACITY)
        for slot in range(8):
            session.open(slot, np.random.default_rng(slot))
            session.submit(slot, TurnRequest(PROMPTS[3], 40))
        return max(token for made in finish(session, 8).values() for token in made.token_ids)

    engine.temperature = 2.0
    few = tiny.tokenizer(vocab_size=20)
    assert highest(few) < len(few) <= highest(WORD)


@needs_vllm
def test_a_slot_that_is_opened_anew_gives_its_turn_up(engine):
    session = engine.session(2, CAPACITY)
    for slot in (0, 1):
        session.open(slot, None)
        session.submit(slot, TurnRequest(PROMPTS[slot], 20))
    session.advance()
    session.open(0, None)
    assert turn(session, 0, PROMPTS[3], 4).token_ids == written(FIRST, PROMPTS[3], 4)[0]
    assert finish(session, 1)[1].token_ids == written(FIRST, PROMPTS[1], 20)[0]


@needs_vllm
def test_a_session_ends_where_another_begins_or_new_weights_come(engine):
    session = engine.session(1, CAPACITY)
    session.open(0, None)
    session.submit(0, TurnRequest(PROMPTS[1], 200))
    session.advance()
    engine.update(SECOND)
    assert session.advance() == {}
    with pytest.raises(ValueError, match="the session is over"):
        session.submit(0, TurnRequest([5], 1))
    other = engine.session(1, CAPACITY)
    other.open(0, None)
    assert turn(other, 0, PROMPTS[3], 4).token_ids == written(SECOND, PROMPTS[3], 4)[0]
