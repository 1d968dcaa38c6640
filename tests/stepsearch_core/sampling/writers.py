"""Models that write a known text, to see where an engine ends a turn."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast


def untagged_bpe():
    """A byte-level tokenizer without tokens for tags: "</search>" is several tokens, as with published
    models.
    """
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    specials = ["<|end|>", "<|pad|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["oslo>>"] * 3,
        trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=specials, show_progress=False),
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", pad_token="<|pad|>")


def writer(model, tokenizer, text):
    """Let a model learn a text (or its tokens) by heart; the model, the first token, and the others."""
    ids = tokenizer.encode(text, add_special_tokens=False) if isinstance(text, str) else text
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    context = torch.tensor([ids])
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(context[:, :-1]).logits[0], context[0, 1:]).backward()
        optimizer.step()
    return model, ids[:1], ids[1:]
