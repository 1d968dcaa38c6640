"""Sampling with a transformers model: batched, KV cache kept across turns, each row stopping at its own end.

All slots of a session advance together in fixed shapes; what they read of the cache grows in strides of 64. A slot's
random numbers come from its own stream, one a token, so its tokens do not depend on who else is in the batch or when.
Log-probabilities are those of the distribution that is sampled (temperature applied, nothing truncated).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.policy.engine import Generation, TurnRequest
from stepsearch_core.policy.slot_cache import SlotCache

_READ_STRIDE = 64
_PREFILL_STRIDE = 32
_STOP_WINDOW = 12  # no tokenizer writes a stop string in more tokens than it has characters


class TransformersEngine:
    """Samples from `model`, which the trainer may go on updating in place: nothing is copied."""

    def __init__(self, model: PreTrainedModel, tokenizer: Any, temperature: float = 1.0) -> None:
        self.model, self.tokenizer, self.temperature = model, tokenizer, temperature
        self.stops = _StopRule(tokenizer)

    def session(self, streams: list[np.random.Generator] | None, size: int, capacity: int) -> TransformersSession:
        """Open `size` slots of at most `capacity` tokens; greedy if `streams` is None."""
        return TransformersSession(self, streams, size, capacity)


class TransformersSession:
    """Slots of one batch; see `policy.engine.Session`."""

    def __init__(
        self, engine: TransformersEngine, streams: list[np.random.Generator] | None, size: int, capacity: int
    ) -> None:
        self._engine, self._streams = engine, streams
        self._cache = SlotCache(engine.model, size, capacity)
        self._row_of = {slot: slot for slot in range(size)}
        self._lengths = np.zeros(size, dtype=np.int64)

    @torch.no_grad()
    def generate(self, requests: Mapping[int, TurnRequest]) -> dict[int, Generation]:
        """Append each request's tokens, then sample until every slot has ended its turn."""
        model = self._engine.model
        was_training = model.training
        model.eval()
        self._compact(list(requests))
        rows = {self._row_of[slot]: slot for slot in requests}
        turns = {
            row: _TurnInProgress(requests[slot], self._uniforms(slot, requests[slot])) for row, slot in rows.items()
        }
        logits = self._prefill({row: turn.request.new_tokens for row, turn in turns.items()})
        active = sorted(turns)
        while active:
            tokens, log_probs = self._sample(logits, turns, active)
            for row in active:
                turns[row].append(int(tokens[row]), float(log_probs[row]), self._engine.stops)
            # The last token of a turn is cached too: the observation follows it.
            logits = self._forward({row: [int(tokens[row])] for row in active}, stride=1)
            active = [row for row in active if not turns[row].done]
        model.train(was_training)
        decode = self._engine.tokenizer.decode
        return {
            slot: Generation(turns[row].ids, turns[row].log_probs, decode(turns[row].ids, skip_special_tokens=True))
            for row, slot in rows.items()
        }

    def _uniforms(self, slot: int, request: TurnRequest) -> np.ndarray | None:
        return self._streams[slot].random(request.max_new_tokens) if self._streams is not None else None

    def _compact(self, slots: list[int]) -> None:
        """Once half of the rows have finished for good, stop computing them."""
        if len(slots) <= len(self._row_of) // 2:
            rows = [self._row_of[slot] for slot in slots]
            self._cache.keep(rows)
            self._lengths = self._lengths[rows]
            self._row_of = {slot: row for row, slot in enumerate(slots)}

    def _prefill(self, tokens: dict[int, list[int]]) -> torch.Tensor:
        return self._forward(tokens, stride=_PREFILL_STRIDE)

    def _forward(self, tokens: dict[int, list[int]], stride: int) -> torch.Tensor:
        """Append tokens to rows' contexts; logits [rows, vocabulary] after the last token of each row given."""
        model, count = self._engine.model, len(self._lengths)
        longest = _round_up(max(map(len, tokens.values())), stride)
        ids = np.zeros((count, longest), dtype=np.int64)
        positions = np.full((count, longest), self._cache.scratch, dtype=np.int64)
        last = np.zeros(count, dtype=np.int64)
        for row, new in tokens.items():
            ids[row, : len(new)] = new
            positions[row, : len(new)] = self._lengths[row] + np.arange(len(new))
            self._lengths[row] += len(new)
            last[row] = len(new) - 1
        width = min(_round_up(int(self._lengths.max()), _READ_STRIDE), self._cache.scratch)
        device = model.device
        where = torch.from_numpy(positions).to(device)
        self._cache.place(where, width)
        visible = torch.arange(width, device=device) <= where[:, :, None]
        hidden = model.model(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=visible[:, None],
            position_ids=where.clamp(max=max(0, self._cache.scratch - 1)),
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        return model.lm_head(hidden[torch.arange(count, device=device), torch.from_numpy(last).to(device)]).float()

    def _sample(
        self, logits: torch.Tensor, turns: dict[int, _TurnInProgress], active: list[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Next token of every row and its log-probability, [rows] each; rows that are not active are ignored."""
        if self._streams is None:
            tokens = logits.argmax(dim=-1)
        else:
            logits = logits / self._engine.temperature
            uniform = torch.zeros(len(logits), dtype=torch.float64)
            for row in active:
                uniform[row] = turns[row].next_uniform()
            cumulative = torch.softmax(logits, dim=-1).cumsum(dim=-1, dtype=torch.float64)
            threshold = uniform.to(logits.device) * cumulative[:, -1]
            tokens = torch.searchsorted(cumulative, threshold[:, None], right=True).squeeze(-1)
            tokens = tokens.clamp(max=logits.shape[-1] - 1)
        chosen = logits.gather(-1, tokens[:, None]).squeeze(-1) - torch.logsumexp(logits, dim=-1)
        return tokens.cpu().numpy(), chosen.cpu().numpy()


class _TurnInProgress:
    """The tokens of a turn while it is being written."""

    def __init__(self, request: TurnRequest, uniforms: np.ndarray | None) -> None:
        self.request, self._uniforms = request, uniforms
        self.ids: list[int] = []
        self.log_probs: list[float] = []
        self.done = False

    def next_uniform(self) -> float:
        assert self._uniforms is not None
        return self._uniforms[len(self.ids)]

    def append(self, token: int, log_prob: float, stops: _StopRule) -> None:
        self.ids.append(token)
        self.log_probs.append(log_prob)
        self.done = len(self.ids) >= self.request.max_new_tokens or stops.ends(self.ids)


class _StopRule:
    """A turn ends with a stop string or the end-of-text token; text is decoded only after a token that may close it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
        self._may_close = {token for token, text in enumerate(texts) if ">" in text}

    def ends(self, ids: list[int]) -> bool:
        if ids[-1] == self._tokenizer.eos_token_id:
            return True
        if ids[-1] not in self._may_close:
            return False
        tail = self._tokenizer.decode(ids[-_STOP_WINDOW:])
        return any(stop in tail for stop in STOP_STRINGS)


def _round_up(value: int, stride: int) -> int:
    return -(-value // stride) * stride
