"""Sampling with a transformers model: batched, KV cache kept across turns, each slot ending by itself.

A pass takes every slot with a turn under way: all new tokens of those that begin it, one of each other.
Nobody waits for anybody. Matrices have a multiple of 16 rows; thereby what a slot computes does not depend,
bit for bit, on which others share its passes (with MKL's AVX-512 kernels; with its AVX2 kernels it can, up
to rounding), and its random numbers come from its own stream, one a token. So neither the batch nor the
order of events (how long a search took, say) changes a trajectory. Slots that begin with the same prompt
share its prefill. Log-probabilities are those of the distribution sampled from (temperature applied, nothing
truncated). Rows of the vocabulary that the tokenizer has no token for are never drawn; their share, mostly
below 1e-6, stays in the denominator, as in the trainer.

On a GPU sums have no fixed order, so bits can change; that has never been run. There vLLM is the faster one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.policy.tokenizers import id_count
from stepsearch_core.sampling.decoder import check_structure, last_states
from stepsearch_core.sampling.engine import EngineError, Generation, TurnRequest
from stepsearch_core.sampling.paged_attention import Pass
from stepsearch_core.sampling.paged_cache import PagedCache
from stepsearch_core.sampling.turns import StopRule, TurnInProgress

_ROWS = 16
_BLOCK = 32
"""Tokens of a block of the cache: with larger ones more is read than is there, with smaller ones there is
more to put together. 16 to 64 were equally fast.
"""


class TransformersEngine:
    """Samples from `model`, which the trainer may go on updating in place: nothing is copied."""

    in_place = True
    shared_by = 1

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        temperature: float = 1.0,
        ends: Callable[[str], bool] | None = None,
    ) -> None:
        """
        Args:
            model: the policy.
            tokenizer: the policy's.
            temperature: of slots that are not greedy.
            ends: whether a turn of some text is over, besides by the tags of an action.

        Raises:
            DataError: the model is of a structure that is not written down in `sampling.decoder`.
        """
        check_structure(model.config)
        self.model = model
        self.tokenizer = tokenizer
        self.temperature = temperature
        self.stops = StopRule(tokenizer, ends)
        self.known = id_count(tokenizer)

    def session(self, slots: int, capacity: int) -> TransformersSession:
        """Open a session of `slots` contexts of at most `capacity` tokens; puts the model into evaluation
        mode.
        """
        self.model.eval()
        return TransformersSession(self, slots, capacity)

    def played(self) -> nullcontext[bool]:
        """Every rank plays."""
        return nullcontext(True)

    def update(self, policy: PreTrainedModel) -> None:
        """Sample from `policy`; nothing is kept between sessions."""
        self.model = policy

    def sleep(self) -> None:
        """Nothing to do: a session's cache goes with the session."""


class TransformersSession:
    """Slots of one batch; see `sampling.engine.Session`."""

    def __init__(self, engine: TransformersEngine, slots: int, capacity: int) -> None:
        self._engine, self._capacity = engine, capacity
        self._cache = PagedCache(engine.model, slots, capacity, _BLOCK)
        self._draws: dict[int, tuple[np.random.Generator | None, float]] = {}
        self._new: dict[int, list[int]] = {}  # tokens of a slot's context that no pass has seen yet
        self._turns: dict[int, TurnInProgress] = {}

    def open(self, slot: int, stream: np.random.Generator | None, temperature: float | None = None) -> None:
        """Begin an empty context in a slot, whatever it held."""
        self.close(slot)
        self._turns.pop(slot, None)
        self._draws[slot] = stream, self._engine.temperature if temperature is None else temperature
        self._new[slot] = []

    def submit(self, slot: int, request: TurnRequest) -> None:
        """Ask for a turn of a slot.

        Raises:
            ValueError: it could grow beyond the session's capacity.
        """
        self._new[slot] += request.new_tokens
        longest = int(self._cache.lengths[slot]) + len(self._new[slot]) + request.max_new_tokens
        if longest > self._capacity:
            raise ValueError(f"slot {slot} could hold {longest} tokens, its capacity is {self._capacity}")
        self._turns[slot] = TurnInProgress(request.max_new_tokens, *self._draws[slot])

    def close(self, slot: int) -> None:
        """Forget a slot's context."""
        self._cache.clear(slot)

    @torch.no_grad()
    def advance(self) -> dict[int, Generation]:
        """Make one pass; the turns that ended with it.

        Raises:
            EngineError: torch could not make it, for want of memory say.
        """
        if not self._turns:
            return {}
        turns = self._turns
        try:
            tokens, log_probs = self._sample(self._forward(list(turns)), list(turns.values()))
        except RuntimeError as error:
            raise EngineError(f"a pass failed: {' '.join(str(error).split())[:300]}") from error
        ended = {}
        for (slot, turn), token, log_prob in zip(
            turns.items(), tokens.tolist(), log_probs.tolist(), strict=True
        ):
            self._new[slot] = [token]
            turn.append(token, log_prob, self._engine.stops)
            if turn.done:
                text = self._engine.stops.text(turn.ids)
                ended[slot] = Generation(turn.ids, turn.log_probs, text)
        self._turns = {slot: turn for slot, turn in turns.items() if not turn.done}
        return ended

    def _forward(self, slots: list[int]) -> torch.Tensor:
        """Append the slots' new tokens to their contexts; logits [slots, vocabulary] after the last."""
        model = self._engine.model
        alike = self._alike(slots)
        order = sorted(alike, key=lambda slot: len(self._new[slot]) > 1)
        new = [self._new[slot] for slot in order]
        for slot, tokens in zip(order, new, strict=True):
            self._cache.append(slot, len(tokens))
        pass_ = Pass(self._cache, order, [len(tokens) for tokens in new], _ROWS)
        ids = torch.tensor([*itertools.chain(*new), *[0] * pass_.padding], device=model.device)
        states = last_states(model, ids, pass_)
        for slot, (_, *others) in alike.items():
            self._cache.copy_to(slot, others)
        place = {member: number for number, slot in enumerate(order) for member in alike[slot]}
        return model.lm_head(states)[[place[slot] for slot in slots]].float()

    def _alike(self, slots: list[int]) -> dict[int, list[int]]:
        """Slots that begin with the same tokens, under the first of them, itself included; others alone."""
        alike: dict[object, list[int]] = {}
        for slot in slots:
            alike.setdefault(slot if self._cache.lengths[slot] else tuple(self._new[slot]), []).append(slot)
        return {group[0]: group for group in alike.values()}

    def _sample(self, logits: torch.Tensor, turns: list[TurnInProgress]) -> tuple[np.ndarray, np.ndarray]:
        """Next token of each turn and its log-probability, [turns] each."""
        known = self._engine.known
        tokens = logits[:, :known].argmax(dim=-1)
        drawing = [number for number, turn in enumerate(turns) if not turn.greedy]
        if drawing:
            temperatures = torch.tensor([turns[number].temperature for number in drawing])
            logits[drawing] /= temperatures.to(logits.device)[:, None]
            uniform = torch.tensor([turns[number].next_uniform() for number in drawing], dtype=torch.float64)
            cumulative = torch.softmax(logits[drawing], dim=-1)[:, :known].cumsum(
                dim=-1, dtype=torch.float64
            )
            threshold = uniform.to(logits.device) * cumulative[:, -1]
            drawn = torch.searchsorted(cumulative, threshold[:, None], right=True).squeeze(-1)
            tokens[drawing] = drawn.clamp(max=cumulative.shape[-1] - 1)
        log_probs = logits.gather(-1, tokens[:, None]).squeeze(-1) - torch.logsumexp(logits, dim=-1)
        return tokens.cpu().numpy(), log_probs.cpu().numpy()
