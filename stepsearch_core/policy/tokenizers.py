"""Tokenizers trained on training text, for models that start from nothing.

Both kinds are ordinary `tokenizers` pipelines wrapped for transformers, so `AutoTokenizer.from_pretrained` loads them.
`word` splits at white space and punctuation (one token a word: short sequences, copying a name is copying one token);
`bpe` is byte-level and knows every text. Each tag of the prompt's style is one token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from stepsearch_core.params import TokenizerParams

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<|pad|>", "<|end|>", "<|unknown|>"


def train_tokenizer(texts: Iterable[str], params: TokenizerParams, tags: Sequence[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer of the given kind; `tags`, in this order, come behind the vocabulary.

    Raises:
        ValueError: `pretrained` has nothing to train: it comes with the model.
    """
    from transformers import PreTrainedTokenizerFast

    if params.kind == "word":
        tokenizer, trainer = _word(params.vocab_size)
    elif params.kind == "bpe":
        tokenizer, trainer = _byte_pairs(params.vocab_size)
    else:
        raise ValueError("tokenizer.kind 'pretrained' needs model.source, which brings its tokenizer")
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in tags])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
    )


def _word(vocab_size: int) -> tuple[Tokenizer, trainers.Trainer]:
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size, special_tokens=[PAD, END, UNKNOWN], show_progress=False, min_frequency=1
    )
    return tokenizer, trainer


def _byte_pairs(vocab_size: int) -> tuple[Tokenizer, trainers.Trainer]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, END, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return tokenizer, trainer
