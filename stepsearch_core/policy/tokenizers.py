"""Tokenizers: trained for models that start from nothing, or published and made ready for use.

Both kinds that are trained are ordinary `tokenizers` pipelines wrapped for transformers, so that
`AutoTokenizer.from_pretrained` loads them. `word` splits at white space and punctuation (one token a word:
short sequences, copying a name is copying one token); `bpe` is byte-level and knows every text. Each tag of
the prompt's style is one token.

A published tokenizer may lack what the rest of the code relies on; `prepare` settles that once, where it is
loaded:

* no padding token, or one that the model has no row for: the one that ends a text stands in; what is padded
  is never attended to nor trained;
* several tokens that end a turn (a list in `generation_config.json`, a chat template's own end of turn): all
  do (`environment.encoding.end_ids`);
* begin-of-text, which some put before every text: `environment.renderer` does so with every prompt;
* fewer ids than the model has rows: `id_count`, for the engines, which never sample the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage, Question
from stepsearch_core.environment.chat import end_of_turn
from stepsearch_core.params import TokenizerParams

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, END, UNKNOWN = "<|pad|>", "<|end|>", "<|unknown|>"


def train_tokenizer(
    texts: Iterable[str], params: TokenizerParams, tags: Sequence[str]
) -> PreTrainedTokenizerFast:
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


def prepare(tokenizer: Any, ends: int | Sequence[int] | None = None, vocab_size: int | None = None) -> Any:
    """Settle what a published tokenizer may lack, in place; a trained one stays as it is.

    Args:
        tokenizer: as `AutoTokenizer` loads it.
        ends: `eos_token_id` of the model's generation config.
        vocab_size: rows of the model's embeddings, one for every token but that for padding.

    Returns:
        The tokenizer.

    Raises:
        DataError: it is no fast one, has no token that could end a text, or more tokens than the model.
    """
    if not tokenizer.is_fast:
        problem = (
            f"{type(tokenizer).__name__} is no fast tokenizer: it does not say which text a token is of"
        )
        raise DataError(problem, tokenizer.name_or_path)
    ids = set(tokenizer.get_vocab().values())
    beyond = {token for token in ids if vocab_size is not None and token >= vocab_size}
    if beyond - {tokenizer.pad_token_id}:
        problem = (
            f"the tokenizer has ids up to {max(beyond)}, the model embeds {vocab_size}: take both from one"
            " place, or enlarge the model's embeddings and save it"
        )
        raise DataError(problem, tokenizer.name_or_path)
    more = [ends] if isinstance(ends, int) else list(ends or ())
    if tokenizer.chat_template:
        with suppress(DataError):  # of a template that nobody may want to use
            more += [end for end in [end_of_turn(tokenizer)[0]] if end is not None]
    tokenizer.turn_ends = frozenset(more) & ids | ({tokenizer.eos_token_id} - {None})
    if not tokenizer.turn_ends:
        problem = "the tokenizer has no token that ends a text, and the model's generation config names none"
        raise DataError(problem, tokenizer.name_or_path)
    if tokenizer.pad_token_id is None or beyond:
        end = tokenizer.eos_token_id
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(
            min(tokenizer.turn_ends) if end is None else end
        )
    return tokenizer


def id_count(tokenizer: Any) -> int:
    """One more than the highest id that the tokenizer can decode; a model may have rows for more."""
    return 1 + max(tokenizer.get_vocab().values())


def training_texts(
    questions: Iterable[Question],
    said: Iterable[str],
    passages: Iterable[Passage],
) -> Iterator[str]:
    """What a tokenizer is trained on: passages, training questions, and what the warm start's turns say."""
    for passage in passages:
        yield passage.contents
    for question in questions:
        yield question.question
    yield from said


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
