"""Rollouts with vocabularies whose tokens reach across the borders of tags, through their chat templates and
the real loop: turns end where the tag ends in the decoded text, and what was sampled is what is trained.
"""

import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stepsearch_core.base.types import ActionKind, Author
from stepsearch_core.environment.encoding import end_ids
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.params import RolloutParams, TrainParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.sampling.vllm_arguments import vllm_arguments
from stepsearch_core.sampling.vllm_engine import VllmEngine
from stepsearch_core.training.learner import Learner
from tests import tiny
from tests.across_tags import BEHIND, SHAPE, TOKENIZERS, TORN, environment, taught
from tests.stepsearch_core.rollout.recording import Recording
from tests.vllm_parts import NEEDS_VLLM

pytestmark = pytest.mark.slow
LIMIT = environment().max_turn_tokens
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
ALPHABET = {chr(byte): byte for byte in PRINTABLE} | {chr(256 + n): byte for n, byte in enumerate(OTHERS)}
"""GPT-2's, in which byte-level tokens are spelled."""


@pytest.fixture(scope="module", params=[*TOKENIZERS, pytest.param("qwen-vllm", marks=NEEDS_VLLM)])
def played(request, tmp_path_factory):
    name, _, with_vllm = request.param.partition("-")
    tokenizer = TOKENIZERS[name]()
    policy = taught(tokenizer)
    if with_vllm:
        folder = tmp_path_factory.mktemp("vllm") / "policy"
        save_policy(policy, tokenizer, folder)
        arguments = vllm_arguments(str(folder), SHAPE, environment(), RolloutParams(batch_size=8))
        engine = Recording(VllmEngine(arguments, tokenizer))
    else:
        engine = Recording(TransformersEngine(policy, tokenizer))
    renderer = Renderer(tokenizer, environment())
    rollout = Rollout(
        engine, tiny.retriever(tmp_path_factory.mktemp("index")), renderer, RolloutParams(batch_size=8)
    )
    made = rollout.sample([tiny.ADA, tiny.BOB], 12, tiny.streams(0))
    return SimpleNamespace(
        name=name, tokenizer=tokenizer, policy=policy, engine=engine, renderer=renderer, made=made
    )


def written(trajectory):
    return [segment.token_ids for segment in trajectory.segments if segment.author is Author.POLICY]


def decoded(tokenizer, ids):
    """Bytes put together by hand: a token is spelled in the bytes' alphabet or special, and no text then."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    spelled = "".join(tokenizer.convert_ids_to_tokens([token for token in ids if token not in special]))
    return bytes(ALPHABET[letter] for letter in spelled).decode(errors="replace")


def test_a_turn_ends_with_the_token_in_which_its_tag_ends(played):
    ends, endings = end_ids(played.tokenizer), Counter()
    for trajectory in played.made:
        for ids, turn in zip(written(trajectory), trajectory.turns, strict=True):
            texts = [decoded(played.tokenizer, ids[:count]) for count in range(1, len(ids) + 1)]
            over = [
                "</search>" in text or "</answer>" in text or token in ends
                for text, token in zip(texts, ids, strict=True)
            ]
            assert not any(over[:-1])
            assert over[-1] or len(ids) == LIMIT
            assert turn.text == texts[-1]
            tagged = re.split(r"</(?:search|answer)>", texts[-1])
            endings[tagged[1] if len(tagged) > 1 else "no tag"] += 1
    assert {*BEHIND[:5], TORN} <= endings.keys()  # every way to end was sampled


def test_what_comes_in_the_token_of_the_tag_is_no_text_outside_of_it(played):
    searches = 0
    for trajectory in played.made:
        for turn in trajectory.turns[:-1]:  # the last may not search
            whole = re.fullmatch(r"<think>([^<]*)</think>\s*<search>([^<]*)</search>([^<]*(</)?)", turn.text)
            if whole and whole[2].strip():
                searches += 1
                assert (turn.action.kind, turn.action.text) == (
                    ActionKind.SEARCH,
                    " ".join(whole[2].split()),
                )
    assert searches > 10


def test_what_was_sampled_is_what_is_trained_and_nothing_else(played):
    sampled = Counter((tuple(g.token_ids), tuple(g.log_probs)) for g in played.engine.generations)
    segments = [segment for trajectory in played.made for segment in trajectory.segments]
    policy = [segment for segment in segments if segment.author is Author.POLICY]
    assert Counter((tuple(s.token_ids), tuple(s.log_probs or ())) for s in policy) == sampled
    others = Counter(tuple(s.token_ids) for s in segments if s.author is not Author.POLICY)
    assert others == Counter(tuple(request.new_tokens) for request in played.engine.requests)
    batch = token_batch(played.made, played.tokenizer.pad_token_id)
    assert batch.targets.tolist() == [token for segment in policy for token in segment.token_ids]


def test_the_trainer_finds_the_sampled_log_probabilities_again(played):
    learner = Learner(played.policy, TrainParams(), has_critic=True)
    batch = token_batch(played.made, played.tokenizer.pad_token_id)
    with torch.no_grad():
        replayed = learner.outputs(batch, 1.0).log_probs.numpy()
        if not played.engine.in_place:  # vLLM's are of the rows with tokens alone
            logits = played.policy(torch.from_numpy(batch.input_ids)).logits[batch.predictors]
            known = logits[:, : len(played.tokenizer)].logsumexp(-1) - logits.logsumexp(-1)
            replayed = replayed - known.numpy()
    recorded = [log_prob for trajectory in played.made for log_prob in trajectory.log_probs]
    assert np.abs(replayed - recorded).max() < 1e-4


def test_a_context_begins_once_and_the_system_is_not_asked_twice(played):
    tokenizer = played.tokenizer
    for trajectory in played.made:
        text = tokenizer.decode(trajectory.token_ids)
        if played.name == "llama_3":
            begin = tokenizer.convert_tokens_to_ids("<|begin_of_text|>")
            assert [n for n, token in enumerate(trajectory.token_ids) if token == begin] == [0]
        systems = {"qwen": "system\nYou help .<|im_end|>", "uncut": "system\n<|im_end|>"}
        if system := systems.get(played.name):
            assert text.count("system") == 1
            assert text.startswith(f"<|im_start|>{system}\n<|im_start|>user\nQuestion :")


def test_rows_without_a_token_are_never_sampled(played):
    rows = played.policy.get_input_embeddings().num_embeddings
    assert rows == len(played.tokenizer) + 40
    assert max(token for made in played.made for token in made.token_ids) < len(played.tokenizer)
