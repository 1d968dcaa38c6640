"""Small tokenizers with the ways of published ones: what they lack, what they add, how they spell their
chats.
"""

import json

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from stepsearch_core.environment.prompts import STYLES
from tests import tiny

TEXTS = [*tiny.TEXTS, *(text for style in STYLES.values() for text in style.vocabulary()), tiny.ADA.question]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA_2 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token }}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }} {{ eos_token }}{% endif %}{% endfor %}"
)
THINKING = CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
"""Opens the first turn's thought, as those of R1 distills, QwQ and Qwen3-Thinking do."""


def _byte_pairs(specials, marks=(), normalizer=None):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_tokens([AddedToken(mark, normalized=normalizer is not None) for mark in marks])
    made.add_special_tokens([AddedToken(special, normalized=False) for special in specials])
    return made


def qwen(template=CHATML):
    """Nothing begins a text, the end of a turn ends it; thoughts and tool calls are added, not special,
    tokens.
    """
    made = _byte_pairs(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<think>", "</think>", "<tool_call>"]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=template
    )


def llama_3():
    """Begins every text, has no padding, and ends turns with another token than texts."""
    specials = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ]
    made = _byte_pairs(specials)
    begin = ("<|begin_of_text|>", made.token_to_id("<|begin_of_text|>"))
    made.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[begin]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=begin[0], eos_token="<|end_of_text|>", chat_template=LLAMA_3
    )


def mistral():
    """Pieces with a mark for blanks and bytes for what is unknown; an unknown token; begins every text; no
    padding.
    """
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<unk>", "<s>", "</s>", *byte_tokens], show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    made = Tokenizer.from_str(_with_plain_bytes(made.to_str()))
    made.add_special_tokens(
        [AddedToken(text, normalized=False) for text in ("<unk>", "<s>", "</s>", "[INST]", "[/INST]")]
    )
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=LLAMA_2
    )


def folding():
    """Lower case and compatibility forms: `＜ＳＥＰ＞` and `<SEP>` are the mark `<sep>`."""
    form = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made = _byte_pairs(["<|end|>"], ["<sep>", "  "], form)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>")


def _with_plain_bytes(text):
    """The bytes' tokens are of the vocabulary alone: they are not looked for in texts."""
    state = json.loads(text)
    state["added_tokens"] = []
    return json.dumps(state)
