"""A random sentence encoder of 16 dimensions, saved as a published one is."""

import copy
from pathlib import Path

WORDS = [f"word{number}" for number in range(300)]
"""All that its tokenizer knows, besides `query`, `passage` and the colon."""


def save_bert(folder: Path, **specials: str | None) -> str:
    """Save the one random BERT to `folder`, with these special tokens; returns the folder's name."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    vocabulary = {
        word: number for number, word in enumerate(["[PAD]", "[UNK]", ":", "query", "passage", *WORDS])
    }
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    )
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    BertModel(config).eval().save_pretrained(folder)
    saved = copy.deepcopy(tokenizer)
    for special, token in specials.items():
        setattr(saved, special, token)
    saved.save_pretrained(folder)
    return str(folder)
