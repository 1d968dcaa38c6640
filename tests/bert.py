"""A random sentence encoder of 16 dimensions, saved as a published one is."""

import copy
import json
from pathlib import Path
from typing import Any

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


def save_modules(
    folder: Path, *modules: tuple[str, dict[str, Any]], prompts: dict[str, str] | None = None
) -> str:
    """Save the BERT with what sentence-transformers reads beside it; returns the folder's name.

    Args:
        folder: Gets the files.
        modules: The kind and the configuration of each module behind the BERT.
        prompts: By their names in the model's configuration.
    """
    save_bert(folder)
    names = [f"{place}_{kind}" for place, (kind, _) in enumerate(modules, start=1)]
    for name, (_, config) in zip(names, modules, strict=True):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    kinds = ["Transformer", *(kind for kind, _ in modules)]
    listed = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (kind, path) in enumerate(zip(kinds, ["", *names], strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts or {}}))
    return str(folder)
