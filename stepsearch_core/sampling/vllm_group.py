"""Tensor parallelism: ranks of a machine that hold one vLLM model together.

Each rank's vLLM has a scheduler of its own, which does what the others' do as long as all are asked for the
same in the same order. Searches come back to each rank in another order; so the first rank of a group plays
alone, and the others repeat what it asks its vLLM for. They have no trajectories then. A pass that fails on
one rank leaves the others waiting for it within the model: that ends the run, by the launcher.
"""

from __future__ import annotations

from typing import Any

import torch.distributed

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.ranks import local_size
from stepsearch_core.runtime.process_group import patient_subgroup
from stepsearch_core.sampling.engine import EngineError

_Call = tuple[str, tuple[Any, ...]]


class Group:
    """The group of `size` ranks in a row that this rank is in."""

    def __init__(self, size: int) -> None:
        """Find the group; called by every rank at once.

        Raises:
            EngineError: the ranks of this machine are no whole groups.
        """
        if local_size() % size:
            raise EngineError(
                f"rollout.tensor_parallel is {size}: so many processes of a machine share a model,"
                f" and on this one there are {local_size()}"
            )
        self._ranks = patient_subgroup(size)
        self._first = torch.distributed.get_global_rank(self._ranks, 0)
        self.leads = torch.distributed.get_rank() == self._first

    def tell(self, calls: list[_Call] | None) -> None:
        """Let the others make these calls; None: there will be no more."""
        torch.distributed.broadcast_object_list([calls], self._first, self._ranks)

    def repeat(self, vllm: Any) -> None:
        """Make the calls that the first rank makes, until there are no more."""
        while True:
            told: list[list[_Call] | None] = [None]
            torch.distributed.broadcast_object_list(told, self._first, self._ranks)
            if told[0] is None:
                return
            for name, arguments in told[0]:
                getattr(vllm, name)(*arguments)


class OutOfStepError(ExplainedError):
    """A pass failed on the first rank of a group, while the others may still be in it: the run is over."""


class Leader:
    """What a session needs of an `LLMEngine`, on the first rank of a group: the others do the same."""

    def __init__(self, vllm: Any, group: Group) -> None:
        self._vllm, self._group = vllm, group
        self._calls: list[_Call] = []

    def add_request(self, *arguments: Any) -> None:
        """As vLLM; what it refuses the others do not hear of."""
        self._vllm.add_request(*arguments)
        self._calls.append(("add_request", arguments))

    def abort_request(self, names: list[str]) -> None:
        """As vLLM."""
        self._vllm.abort_request(names)
        self._calls.append(("abort_request", (names,)))

    def step(self) -> Any:
        """One pass of all ranks, after all that was asked for since the last one.

        Raises:
            OutOfStepError: it failed here.
        """
        self._group.tell([*self._calls, ("step", ())])
        self._calls = []
        try:
            return self._vllm.step()
        except Exception as error:
            raise OutOfStepError(f"vLLM failed in a pass that several processes make: {error}") from error

    def dismiss(self) -> None:
        """The others go on by themselves."""
        self._group.tell(self._calls)
        self._calls = []
        self._group.tell(None)
