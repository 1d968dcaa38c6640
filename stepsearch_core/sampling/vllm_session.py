"""A session of a vLLM engine: each turn a request with the slot's whole context, as token ids.

What is cached of a context is found by vLLM, whichever slot computed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.encoding import end_ids
from stepsearch_core.policy.tokenizers import id_count
from stepsearch_core.sampling.engine import EngineError, Generation, TurnRequest
from stepsearch_core.sampling.turns import StopRule
from stepsearch_core.sampling.vllm_group import OutOfStepError

_NEVER = -100.0
"""Added to the logits of rows that no token of the tokenizer has; vLLM allows no less. Their share, mostly
below 1e-6, is in the trainer's log-probabilities and not in vLLM's.
"""


class VllmSession:
    """See `sampling.engine.Session`."""

    def __init__(
        self,
        vllm: Any,
        tokenizer: Any,
        temperature: float,
        slots: int,
        capacity: int,
        vocab_size: int | None = None,
        *,
        ends: Callable[[str], bool] | None = None,
    ) -> None:
        """Use `vllm`, an `LLMEngine` that has no other requests; its model embeds `vocab_size` tokens."""
        self._vllm = vllm
        self._stops = StopRule(tokenizer, ends)
        self._temperature = temperature
        self._capacity = capacity
        self._ends = sorted(end_ids(tokenizer))
        known = id_count(tokenizer)
        self._never = dict.fromkeys(range(known, vocab_size or known), _NEVER) or None
        self._contexts: list[list[int]] = [[] for _ in range(slots)]
        self._streams: list[np.random.Generator | None] = [None] * slots
        self._temperatures = [temperature] * slots
        self._running: dict[str, int] = {}
        self._turns = 0
        self._over = self._failed = False

    def open(self, slot: int, stream: np.random.Generator | None, temperature: float | None = None) -> None:
        """Begin an empty context; a turn under way in the slot is given up."""
        self.close(slot)
        self._streams[slot] = stream
        self._temperatures[slot] = self._temperature if temperature is None else temperature

    def close(self, slot: int) -> None:
        """Forget a slot's context; what is cached of it goes when the room is needed."""
        self._give_up([name for name, running in self._running.items() if running == slot])
        self._contexts[slot] = []

    def submit(self, slot: int, request: TurnRequest) -> None:
        """Ask for a turn.

        Raises:
            ValueError: the turn could not end within the slot's capacity, or the session is over.
            EngineError: vLLM does not accept the tokens.
        """
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        if self._over:
            raise ValueError("the session is over: another began, or new weights came")
        context = [*self._contexts[slot], *request.new_tokens]
        stream = self._streams[slot]
        if len(context) + request.max_new_tokens > self._capacity:
            raise ValueError(
                f"{len(context)} tokens and a turn of {request.max_new_tokens} exceed {self._capacity}"
            )
        sampling = SamplingParams(
            temperature=0.0 if stream is None else self._temperatures[slot],
            seed=None if stream is None else int(stream.integers(2**63)),
            max_tokens=request.max_new_tokens,
            logprobs=0,  # of the sampled token and no other
            stop=list(STOP_STRINGS),
            stop_token_ids=self._ends,
            logit_bias=self._never,
            include_stop_str_in_output=True,
            skip_special_tokens=False,  # a tag may be one
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        name = f"{slot}.{self._turns}"
        self._turns += 1
        with vllm_errors("does not accept a turn"):
            self._vllm.add_request(name, {"prompt_token_ids": context}, sampling)
        self._contexts[slot] = context
        self._running[name] = slot

    def advance(self) -> dict[int, Generation]:
        """One pass: a token for each turn under way, after as much of their contexts as fits into a pass."""
        if not self._running:
            return {}
        self._failed = True
        with vllm_errors("failed in a pass"):
            ended = self._vllm.step()
        self._failed = False
        made = {}
        for output in ended:
            slot = self._running.pop(output.request_id)
            turn = output.outputs[0]
            # vLLM holds text back while it ends within a character, and then stops late
            ids = list(turn.token_ids)[: self._stops.length(turn.token_ids)]
            log_probs = [at[token].logprob for at, token in zip(turn.logprobs, ids, strict=False)]
            self._contexts[slot] += ids
            made[slot] = Generation(ids, log_probs, self._stops.text(ids))
        return made

    def end(self) -> bool:
        """Give up all turns; whether a pass had failed."""
        self._give_up(list(self._running))
        self._over = True
        return self._failed

    def _give_up(self, names: list[str]) -> None:
        if names:
            with vllm_errors("could not give up a turn"):
                self._vllm.abort_request(names)
            for name in names:
                del self._running[name]


@contextmanager
def vllm_errors(problem: str) -> Iterator[None]:
    """Turn what vLLM raises into an `EngineError` of one line, but for what no session may go on after."""
    try:
        yield
    except OutOfStepError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise EngineError(f"vLLM {problem}: {reason}") from error
