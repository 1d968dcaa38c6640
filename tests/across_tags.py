"""Tokenizers whose tokens reach across the borders of tags, as those of published models do, and a policy
that has learnt to write such tokens.
"""

from dataclasses import replace

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.learning.sft import fine_tune
from stepsearch_core.params import WarmstartParams
from stepsearch_core.policy.models import build_model
from stepsearch_core.policy.tokenizers import prepare
from stepsearch_core.sampling.turns import StopRule
from tests import published, tiny

BEHIND = ("", ".", ".</", "\n\n", "…", "“")
"""What policies write behind a closing tag; the last two begin with the same bytes, `TORN`."""
TORN = "\ufffd"
"""How half a character is decoded."""
QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen's tokenizers cut a text before they merge; Llama 3's differ in digits alone."""
# vLLM's CPU kernels begin at heads of 32
SHAPE = replace(tiny.MODEL, hidden_size=64, heads=2, key_value_heads=1, max_positions=512)
SPARE_ROWS = 40
"""Of the embeddings, for which the tokenizer has no token."""


def turn_text(query, behind=""):
    return f"<think> hm </think>\n\n<search> {query}\n</search>{behind}"


def _byte_pairs(specials, pieces=QWEN_PIECES, marks=()):
    made = Tokenizer(models.BPE())
    cut = [pre_tokenizers.Split(Regex(pieces), "isolated")] if pieces else []
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([*cut, byte_level])
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, show_progress=False)
    ends = [f"{tag}{behind}" for tag in ("\n</search>", "\n</answer>") for behind in BEHIND]
    made.train_from_iterator(ends * 50 + [turn_text("", " ") + text for text in tiny.TEXTS], trainer)
    made.add_special_tokens([AddedToken(text, normalized=False) for text in (*marks, *specials)])
    return made


def qwen(template=None):
    """A turn of the system by default; two tokens that end texts, one of them pads."""
    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    system = "<|im_start|>system\nYou help .<|im_end|>\n"
    made = PreTrainedTokenizerFast(
        tokenizer_object=_byte_pairs(specials),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=system + published.CHATML if template is None else template,
    )
    return prepare(made, [made.eos_token_id, made.pad_token_id])


def llama_3():
    """Begins every text and lets the template begin it too; no padding, three tokens that end turns."""
    begin, *others = specials = (
        *("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
        *("<|eom_id|>", "<|eot_id|>"),
    )
    tokens = _byte_pairs(specials)
    tokens.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, tokens.token_to_id(begin))]
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokens, bos_token=begin, eos_token=others[0], chat_template=published.LLAMA_3
    )
    return prepare(made, made.convert_tokens_to_ids([others[0], *others[-2:]]))


def uncut():
    """Merges whatever stands beside each other, `\\n</search>.` say; the turn of the system is empty."""
    template = "<|im_start|>system\n<|im_end|>\n" + published.CHATML
    specials = ("<|im_start|>", "<|im_end|>")
    tokens = _byte_pairs(specials, pieces=None)
    return prepare(
        PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<|im_end|>", chat_template=template)
    )


def special_tags():
    """The tags were added as special tokens."""
    tokens = _byte_pairs(("<|im_start|>", "<|im_end|>"), marks=THINK.tags)
    return prepare(
        PreTrainedTokenizerFast(
            tokenizer_object=tokens, eos_token="<|im_end|>", chat_template=published.CHATML
        )
    )


TOKENIZERS = {"qwen": qwen, "llama_3": llama_3, "uncut": uncut}


def torn(tokenizer):
    """The token that closes a search and then begins a character."""
    pieces = [text for text in tokenizer.get_vocab() if text.endswith("âĢ") and ">" in text]
    searches = [text for text in pieces if "answer" not in text]
    return tokenizer.convert_tokens_to_ids(min(searches, key=len))


def searching(tokenizer, query, behind):
    """The tokens of a turn up to that in which its tag closes; `TORN` stands for half a character."""
    rule = StopRule(tokenizer)
    ids = tokenizer.encode(turn_text(query, "…" if behind is TORN else behind), add_special_tokens=False)
    ids = ids[: rule.length(ids)]
    if behind is TORN:
        ids[-1] = torn(tokenizer)
    return ids, rule.text(ids)


def environment(**changes):
    limits = {"max_turn_tokens": 48, "max_observation_tokens": 90, "max_trajectory_tokens": 512}
    return tiny.environment(chat_template=True, **{**limits, **changes})


def taught(tokenizer, epochs=45):
    """A model that has half learnt to search, with text behind the closing tags where a token holds both."""
    renderer, shown = Renderer(tokenizer, environment()), []
    for number, behind in enumerate((*BEHIND[:5], TORN)):
        asked = (tiny.ADA, tiny.BOB)[number % 2]
        playing = Episode(asked, 0, renderer)
        for hop in asked.hops:
            ids, text = searching(tokenizer, hop.sub_question, behind)
            playing.act(ids, None, text)
            playing.observe([tiny.BY_ID[support] for support in hop.support_ids])
        playing.act(*renderer.written(THINK.answer_turn("", asked.answers[0]), playing.turn_tokens))
        assert playing.trajectory.answer == asked.answers[0]
        shown.append(playing.trajectory)
    torch.manual_seed(0)
    policy = build_model(SHAPE, tokenizer)
    policy.resize_token_embeddings(len(tokenizer) + SPARE_ROWS)
    params = WarmstartParams(epochs=epochs, batch_size=3, learning_rate=1e-2)
    fine_tune(policy, shown, params, tokenizer.pad_token_id, 0)
    return policy.eval()
