"""Sampling with a transformers model: batched, KV cache kept across turns, each slot stopping at its own end.

A pass is either a prefill, of the slots whose new tokens wait for one, or a decode of one token for every other slot
with a turn under way. Shapes are few and fixed: prefills are padded to multiples of 16 tokens, caches read in strides
of 64, and matrices never have fewer than 16 rows. Thereby what a slot computes does not depend, bit for bit on the CPUs
tried, on which other slots share a pass; its random numbers come from its own stream, one a token. So neither the batch
nor the order of events (how long a search took, say) changes a trajectory. Slots that begin with the same prompt share
its prefill. Log-probabilities are those of the distribution sampled from (temperature applied, nothing truncated).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from stepsearch_core.policy.engine import Generation, TurnRequest
from stepsearch_core.policy.slot_cache import SlotCache
from stepsearch_core.policy.turns import StopRule, TurnInProgress

_READ_STRIDE = 64
_PREFILL_STRIDE = 16
_LEAST_ROWS = 16
_PREFILL_SHARE = 8
"""Slots that decode go on until one slot in this many waits for a prefill, which costs as much as several passes."""


class TransformersEngine:
    """Samples from `model`, which the trainer may go on updating in place: nothing is copied."""

    in_place = True

    def __init__(self, model: PreTrainedModel, tokenizer: Any, temperature: float = 1.0) -> None:
        self.model, self.tokenizer, self.temperature = model, tokenizer, temperature
        self.stops = StopRule(tokenizer)

    def session(self, slots: int, capacity: int) -> TransformersSession:
        """Open a session of `slots` contexts of at most `capacity` tokens; puts the model into evaluation mode."""
        self.model.eval()
        return TransformersSession(self, slots, capacity)

    def update(self, policy: PreTrainedModel) -> None:
        """Sample from `policy`; nothing is kept between sessions."""
        self.model = policy

    def sleep(self) -> None:
        """Nothing to do: a session's cache goes with the session."""


class TransformersSession:
    """Slots of one batch; see `policy.engine.Session`."""

    def __init__(self, engine: TransformersEngine, slots: int, capacity: int) -> None:
        self._engine = engine
        rows = _round_up(slots, _LEAST_ROWS)
        self._cache = SlotCache(engine.model, rows, capacity)
        self._row_of = {slot: slot for slot in range(slots)}
        self._lengths = np.zeros(rows, dtype=np.int64)
        self._streams: dict[int, np.random.Generator | None] = {}
        self._uncached: dict[int, list[int]] = {}  # tokens of a slot's context that no pass has seen yet
        self._waiting: dict[int, TurnInProgress] = {}  # for a prefill
        self._decoding: dict[int, TurnInProgress] = {}

    def open(self, slot: int, stream: np.random.Generator | None) -> None:
        """Begin an empty context in a slot."""
        self._streams[slot], self._uncached[slot] = stream, []
        self._lengths[self._row_of[slot]] = 0

    def submit(self, slot: int, request: TurnRequest) -> None:
        """Ask for a turn of a slot."""
        self._uncached[slot] += request.new_tokens
        self._waiting[slot] = TurnInProgress(request.max_new_tokens, self._streams[slot])

    def close(self, slot: int) -> None:
        """Stop computing a slot; rows are dropped once half of them have gone."""
        row = self._row_of.pop(slot)
        self._lengths[row] = 0
        rows = sorted(self._row_of.values())
        if len(self._lengths) > _LEAST_ROWS and len(rows) <= len(self._lengths) // 2:
            kept = _filled_up(rows, _round_up(len(rows), _LEAST_ROWS) or _LEAST_ROWS, len(self._lengths))
            self._cache.keep(kept)
            self._lengths = self._lengths[kept]
            moved = {row: place for place, row in enumerate(kept)}
            self._row_of = {slot: moved[row] for slot, row in self._row_of.items()}

    @torch.no_grad()
    def step(self) -> dict[int, Generation]:
        """Make one pass; the turns that ended with it."""
        if not self._waiting and not self._decoding:
            return {}
        if self._waiting and (not self._decoding or len(self._waiting) * _PREFILL_SHARE >= len(self._row_of)):
            turns, self._waiting = self._waiting, {}
            logits = self._prefill(list(turns))
        else:
            turns = self._decoding
            logits = self._forward(list(turns), 1)
        tokens, log_probs = self._sample(logits, list(turns.values()))
        ended = {}
        for (slot, turn), token, log_prob in zip(turns.items(), tokens.tolist(), log_probs.tolist(), strict=True):
            self._uncached[slot] = [token]
            turn.append(token, log_prob, self._engine.stops)
            if turn.done:
                text = self._engine.tokenizer.decode(turn.ids, skip_special_tokens=True)
                ended[slot] = Generation(turn.ids, turn.log_probs, text)
        self._decoding = {slot: turn for slot, turn in (self._decoding | turns).items() if not turn.done}
        return ended

    def _prefill(self, slots: list[int]) -> torch.Tensor:
        """Logits [slots, vocabulary] after the uncached tokens of slots; equal new contexts are computed once."""
        computed: dict[object, int] = {}
        like = {slot: self._same_prompt(slot, computed) for slot in slots}
        alike: dict[int, list[int]] = {}
        for slot in dict.fromkeys(like.values()):
            alike.setdefault(_round_up(len(self._uncached[slot]), _PREFILL_STRIDE), []).append(slot)
        logits: dict[int, torch.Tensor] = {}
        for of_one_length in alike.values():
            logits |= dict(zip(of_one_length, self._forward(of_one_length, _PREFILL_STRIDE), strict=True))
        for slot, first in like.items():
            if slot != first:
                row, length = self._row_of[slot], int(self._lengths[self._row_of[first]])
                self._cache.share(self._row_of[first], row, length)
                self._lengths[row] = length
        return torch.stack([logits[like[slot]] for slot in slots])

    def _same_prompt(self, slot: int, computed: dict[object, int]) -> int:
        """The first slot with the same new context, itself perhaps; `computed` remembers those seen."""
        new = self._lengths[self._row_of[slot]] == 0
        return computed.setdefault(tuple(self._uncached[slot]) if new else slot, slot)

    def _forward(self, slots: Sequence[int], stride: int) -> torch.Tensor:
        """Append the slots' uncached tokens to their contexts; logits [slots, vocabulary] after each one's last."""
        model, total = self._engine.model, len(self._lengths)
        mine = [self._row_of[slot] for slot in slots]
        every = stride == 1 and 2 * len(mine) > total
        rows = list(range(total)) if every else mine + mine[:1] * (-len(mine) % _LEAST_ROWS if stride == 1 else 0)
        longest = _round_up(max(len(self._uncached[slot]) for slot in slots), stride)
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        positions = np.full((len(rows), longest), self._cache.scratch, dtype=np.int64)
        places = np.array(mine) if every else np.arange(len(mine))
        last = np.zeros(len(mine), dtype=np.int64)
        for number, (slot, row, place) in enumerate(zip(slots, mine, places, strict=True)):
            new = self._uncached[slot]
            ids[place, : len(new)] = new
            positions[place, : len(new)] = self._lengths[row] + np.arange(len(new))
            self._lengths[row] += len(new)
            last[number] = len(new) - 1
        width = min(_round_up(int(self._lengths[mine].max()), _READ_STRIDE), self._cache.scratch)
        device = model.device
        where = torch.from_numpy(positions).to(device)
        self._cache.place(None if every else torch.tensor(rows, device=device), where, width)
        hidden_after = torch.arange(width, device=device) > where[:, :, None]
        mask = torch.zeros(hidden_after.shape, dtype=model.dtype, device=device).masked_fill_(hidden_after, -torch.inf)
        hidden = model.model(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=mask[:, None],
            position_ids=where.clamp(max=max(0, self._cache.scratch - 1)),
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        filled = -len(mine) % _LEAST_ROWS
        after = np.pad(places, (0, filled)), np.pad(last, (0, filled))
        picked = hidden[tuple(torch.from_numpy(index).to(device) for index in after)]
        return model.lm_head(picked).float()[: len(mine)]

    def _sample(self, logits: torch.Tensor, turns: list[TurnInProgress]) -> tuple[np.ndarray, np.ndarray]:
        """Next token of each turn and its log-probability, [turns] each."""
        greedy = torch.tensor([turn.greedy for turn in turns], device=logits.device)
        logits = torch.where(greedy[:, None], logits, logits / self._engine.temperature)
        uniform = torch.tensor([turn.next_uniform() for turn in turns], dtype=torch.float64, device=logits.device)
        cumulative = torch.softmax(logits, dim=-1).cumsum(dim=-1, dtype=torch.float64)
        threshold = uniform * cumulative[:, -1]
        drawn = torch.searchsorted(cumulative, threshold[:, None], right=True).squeeze(-1)
        tokens = torch.where(greedy, logits.argmax(dim=-1), drawn.clamp(max=logits.shape[-1] - 1))
        chosen = logits.gather(-1, tokens[:, None]).squeeze(-1) - torch.logsumexp(logits, dim=-1)
        return tokens.cpu().numpy(), chosen.cpu().numpy()


def _round_up(value: int, stride: int) -> int:
    return -(-value // stride) * stride


def _filled_up(rows: list[int], size: int, total: int) -> list[int]:
    """Rows, and others up to `size` of them."""
    others = [row for row in range(total) if row not in set(rows)]
    return rows + others[: size - len(rows)]
