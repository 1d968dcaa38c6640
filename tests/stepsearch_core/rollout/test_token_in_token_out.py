"""No path decodes and re-encodes: what was sampled is what the context and the training batch hold, id by
id.

Two tokenizers that do not give sampled ids back (`encode(decode(ids)) != ids`): a byte-level one whose
sampled pieces are not the ones it would choose, and one of words, whose text loses end-of-text and unknown
words.
"""

import contextlib
from collections import Counter
from types import SimpleNamespace

import pytest
from transformers import PreTrainedTokenizerFast

from stepsearch_core.base.types import Author
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.rollout.recording import Recording

QUESTIONS = [tiny.ADA, tiny.BOB] * 4


@pytest.fixture(scope="module", params=["word", "bpe", "bpe-released"])
def played_with(request, tmp_path_factory):
    """A tokenizer, a model and a retriever: half-learnt searches among words, noise among bytes."""
    kind, _, prompt = request.param.partition("-")
    tokenizer = tiny.tokenizer(kind, prompt=prompt or "minimal")
    model = tiny.searcher(tokenizer) if kind == "word" else tiny.model(tokenizer)
    retriever = tiny.retriever(tmp_path_factory.mktemp("index"))
    environment = tiny.environment(
        prompt=prompt or "minimal", max_turn_tokens=20, max_observation_tokens=60, max_trajectory_tokens=1400
    )
    return SimpleNamespace(
        tokenizer=tokenizer, model=model, retriever=retriever, environment=environment, kind=kind
    )


@contextlib.contextmanager
def encoded_texts():
    """The list of all texts that any tokenizer encodes, by whichever of its methods: all come to this
    one.
    """
    texts = []
    encode = PreTrainedTokenizerFast._encode_plus

    def noting(self, text, *arguments, **options):
        texts.extend([text] if isinstance(text, str) else text)
        return encode(self, text, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreTrainedTokenizerFast, "_encode_plus", noting)
        yield texts


def check_nothing_is_encoded_again(parts):
    """Roll out and compare at every station; returns how many turns' ids their own text would not give
    back.
    """
    tokenizer, style = parts.tokenizer, STYLES[parts.environment.prompt]
    renderer = Renderer(tokenizer, parts.environment)
    engine = Recording(TransformersEngine(parts.model, tokenizer))
    with encoded_texts() as encoded:
        made = Rollout(engine, parts.retriever, renderer, RolloutParams(batch_size=4)).sample(
            QUESTIONS, 2, tiny.streams(0)
        )
        batch = token_batch(made, tokenizer.pad_token_id)

    own = {style.prompt.format(question=asked.question) for asked in QUESTIONS}
    own |= {style.opening, style.closing, style.invalid_notice, style.last_turn_notice}
    own |= {style.document.format(rank=rank, title="", text=text) for rank in (1, 2) for text in tiny.TEXTS}
    assert encoded, "the spy sees nothing"
    assert set(encoded) <= own, "a text that the environment did not write was encoded"

    sampled = [tuple(generation.token_ids) for generation in engine.generations]
    segments = [s for trajectory in made for s in trajectory.segments if s.author is Author.POLICY]
    assert Counter(tuple(segment.token_ids) for segment in segments) == Counter(sampled), (
        "not the sampled ids"
    )
    log_probs = Counter((tuple(g.token_ids), tuple(g.log_probs)) for g in engine.generations)
    assert Counter((tuple(s.token_ids), tuple(s.log_probs or ())) for s in segments) == log_probs
    assert batch.targets.tolist() == [token for segment in segments for token in segment.token_ids]
    for row, trajectory in enumerate(made):
        assert batch.input_ids[row, : len(trajectory.token_ids)].tolist() == trajectory.token_ids

    # What a session was given, turn by turn, with what it sampled, is the context: nothing is appended
    # elsewhere.
    given = Counter(tuple(request.new_tokens) for request in engine.requests)
    others = [s for trajectory in made for s in trajectory.segments if s.author is not Author.POLICY]
    assert Counter(tuple(segment.token_ids) for segment in others) == given

    if parts.kind == "word":  # noise among bytes never searches
        assert any(trajectory.searches for trajectory in made)
    texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in sampled]
    again = [tuple(tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    return sum(one != other for one, other in zip(sampled, again, strict=True))


@pytest.mark.slow
def test_what_is_sampled_is_what_is_trained_on(played_with):
    assert check_nothing_is_encoded_again(played_with) >= 3  # turns that would not have survived their text


@pytest.mark.parametrize("played_with", ["word"], indirect=True)
def test_the_check_notices_a_turn_that_is_encoded_again(played_with, monkeypatch):
    act = Episode.act

    def by_text(self, token_ids, log_probs, text):
        return act(self, self._renderer.encode(text), log_probs, text)

    monkeypatch.setattr(Episode, "act", by_text)
    with pytest.raises(AssertionError, match="the environment did not write"):
        check_nothing_is_encoded_again(played_with)


@pytest.mark.parametrize("played_with", ["word"], indirect=True)
def test_the_check_notices_ids_that_are_not_the_sampled_ones(played_with, monkeypatch):
    act = Episode.act

    def swapped(self, token_ids, log_probs, text):
        return act(self, [*token_ids[:-1], (token_ids[-1] + 1) % 5], log_probs, text)

    monkeypatch.setattr(Episode, "act", swapped)
    with pytest.raises(AssertionError, match="not the sampled ids"):
        check_nothing_is_encoded_again(played_with)
