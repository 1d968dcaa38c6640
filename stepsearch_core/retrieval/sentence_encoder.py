"""A neural sentence encoder of the library sentence-transformers, by name or path.

Pooling, layers behind it, the longest text and prompts are what the model's own files say. What the library
adds of its own for a folder without such files is the mean of the last hidden states (of a causal model: the
state of the last token). Vectors are scaled to length 1 whether or not the model does so itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.text import squeeze
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.sentence_files import PASSAGE_PROMPTS, QUERY_PROMPTS, first_prompt
from stepsearch_core.runtime.devices import own_device

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ENCODER_BATCH = 64
_PARALLEL = "TOKENIZERS_PARALLELISM"


class SentenceEncoder:
    """Encodes in `retrieval.encoder_dtype`, on this process's device.

    A prompt of the parameters stands in for the model's own. Texts are squeezed (NFC), as the corpus is: a
    tokenizer that does not normalise would take a query in NFD for another one. Special tokens that a text
    spells are text.
    """

    def __init__(self, params: RetrievalParams) -> None:
        """Load the model.

        Raises:
            DataError: there is none of this name, it is not whole, or it needs code of its own.
        """
        self.dtype = params.dtype
        self._computes_in = params.encoder_dtype
        self._model = _load(params.encoder, own_device(), {"dtype": params.encoder_dtype})
        self.dimensions = _dimensions(self._model)
        self._query_prompt = _prompt(params.query_prompt, self._model.prompts, QUERY_PROMPTS)
        self._passage_prompt = _prompt(params.passage_prompt, self._model.prompts, PASSAGE_PROMPTS)
        _prepare_tokenizer(self._model, self._query_prompt + self._passage_prompt)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_passages`."""
        with _parallel_tokenizers():
            return self._encode(texts, "document", self._passage_prompt)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """See `Encoder.encode_queries`."""
        return self._encode(texts, "query", self._query_prompt)

    def save(self, folder: Path) -> None:
        """See `Encoder.save`: nothing was fitted."""

    def _encode(self, texts: Sequence[str], task: str, prompt: str) -> np.ndarray:
        """Vectors in the order of the texts; the library puts those of like length into a batch.

        Raises:
            DataError: the model's numbers are too large for its `encoder_dtype`.
        """
        import torch

        vectors = self._model.encode(
            list(map(squeeze, texts)),
            prompt=prompt,
            batch_size=ENCODER_BATCH,
            show_progress_bar=False,
            convert_to_tensor=True,
            task=task,
        )
        unit = torch.nn.functional.normalize(vectors.float().reshape(len(texts), self.dimensions), dim=-1)
        if not unit.isfinite().all():
            problem = f"what the encoder computes in {self._computes_in} is no number: take another dtype"
            raise DataError(problem, "params", field="retrieval.encoder_dtype")
        return unit.cpu().numpy()


def sentence_dimensions(source: str) -> int:
    """Of the vectors that a sentence encoder makes; its weights are not read into memory.

    Raises:
        DataError: as `SentenceEncoder`.
    """
    return _dimensions(_load(source, None, {"device_map": "meta"}))


def _load(source: str, device: str | None, loaded: dict[str, str]) -> SentenceTransformer:
    """The model of a folder or name of the hub, for texts; `loaded` says how its weights are.

    Raises:
        DataError: as `SentenceEncoder`.
    """
    from sentence_transformers import SentenceTransformer

    with _naming_encoder(source):
        model = SentenceTransformer(source, device=device, model_kwargs=loaded)
        # a model for images takes a text that is an address for one, and reads or fetches what lies there
        if others := {*map(str, model.modalities)} - {"text", "message"}:
            raise ValueError(f"it encodes {', '.join(sorted(others))} besides text")
    return model


def _dimensions(model: SentenceTransformer) -> int:
    dimensions = model.get_embedding_dimension()
    if dimensions is None:
        problem = "none of its modules says how many dimensions it makes"
        raise DataError(problem, "params", field="retrieval.encoder")
    return dimensions


def _prompt(given: str | None, published: Mapping[str, str | None], names: Sequence[str]) -> str:
    """The prompt of the parameters or, if that is None, the model's own under the first of the names."""
    return first_prompt(published, names) if given is None else given


def _prepare_tokenizer(model: SentenceTransformer, prompts: str) -> None:
    """Let special tokens that a text spells be text, and let any model be padded.

    A model whose prompts spell special tokens, or that wraps texts in a chat template, reads them as such.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

    tokenizer = model.tokenizer
    if isinstance(tokenizer, Tokenizer):  # of a model that is a table of its tokens' vectors
        tokenizer.encode_special_tokens = True
    elif isinstance(tokenizer, PreTrainedTokenizerBase):
        spelled = any(token in prompts for token in tokenizer.all_special_tokens)
        tokenizer.split_special_tokens = not spelled and "message" not in model.modalities
        if tokenizer.pad_token is None:  # padding is masked, so any token will do
            tokenizer.pad_token = tokenizer.eos_token


@contextmanager
def _naming_encoder(source: str) -> Iterator[None]:
    """What a library says when it loads an encoder, as one line that names the parameter."""
    from safetensors import SafetensorError

    try:
        yield
    except (
        *(OSError, ValueError, AttributeError, ImportError),
        *(KeyError, TypeError, RuntimeError, SafetensorError),
    ) as error:
        said = next(filter(None, str(error).splitlines()), "")
        if isinstance(error, KeyError | AttributeError | TypeError):  # what these say is for programmers
            said = f"{type(error).__name__}: {said}"
        problem = f"no encoder {source!r} can be loaded: {said}"
        raise DataError(problem, "params", field="retrieval.encoder") from None


@contextmanager
def _parallel_tokenizers() -> Iterator[None]:
    """Let a tokenizer use all cores; stages keep tokenizers from it, as processes that fork would hang."""
    before = os.environ.get(_PARALLEL)
    os.environ[_PARALLEL] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PARALLEL]
        else:
            os.environ[_PARALLEL] = before
