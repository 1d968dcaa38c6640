"""Data parallelism: which work is a rank's own, and how results come together.

Every rank holds the same data and computes its share; `gather` gives every rank the whole again, in the
order that one process would have made it in. One process is rank 0 of 1: each function then returns what it
was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, TypeVar

import torch.distributed
from tqdm import tqdm

from stepsearch_core.base.ranks import is_first_here, is_main, rank, world_size
from stepsearch_core.policy.structure import local_folder
from stepsearch_core.runtime.agreement import check_agreement
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.runtime.process_group import patient_group

Item = TypeVar("Item")
_NOTHING = object()


def own_items(shared_by: int = 1) -> slice:
    """Selects the items of this rank from any sequence: every `world_size()`-th one.

    Where so many ranks in a row work on the same items (`Engine.shared_by`), those of its group.
    """
    return slice(rank() // shared_by, None, world_size() // shared_by)


def own_micro_batch(group: Sequence[Item]) -> tuple[list[Item], float]:
    """The items of this rank of a global micro-batch, and the weight of their loss.

    A rank without one runs the first item at weight 0: ZeRO needs equally many backward passes on every
    rank.
    """
    mine = list(group[own_items()])
    return (mine, 1.0) if mine else (list(group[:1]), 0.0)


def gather(mine: Sequence[Item]) -> list[Item]:
    """The items of all ranks in order, on every rank: undoes `own_items`; of a group one rank gives them."""
    if world_size() == 1:
        return list(mine)
    parts: list[Any] = [None] * world_size()
    torch.distributed.all_gather_object(parts, list(mine), group=patient_group())
    return [
        item for item in chain.from_iterable(zip_longest(*parts, fillvalue=_NOTHING)) if item is not _NOTHING
    ]


def all_reduce_sum(values: Mapping[str, float]) -> dict[str, float]:
    """The sum over ranks of every value; each rank gives the same names."""
    if world_size() == 1:
        return dict(values)
    device = own_device() if torch.distributed.get_backend() == "nccl" else "cpu"  # NCCL sums on GPUs alone
    sums = torch.tensor([values[name] for name in sorted(values)], dtype=torch.float64, device=device)
    torch.distributed.all_reduce(sums)
    summed = dict(zip(sorted(values), sums.tolist(), strict=True))
    return {name: summed[name] for name in values}


def barrier() -> None:
    """Wait for all ranks, as long as it takes."""
    if world_size() > 1:
        torch.distributed.barrier(group=patient_group())


@contextmanager
def downloading(source: str | None) -> Iterator[None]:
    """Around the loading of what may be a name of the hub; entered by every rank.

    The first rank of each machine goes first, and the others find it in the machine's cache. A folder (or
    nothing, None) is for all at once.

    Raises:
        AgreementError: machines found different snapshots of the name in their caches.
    """
    if world_size() == 1 or source is None or Path(source).exists():
        yield
        return
    if not is_first_here():
        barrier()
    yield
    if is_first_here():
        barrier()
    if folder := local_folder(source):
        check_agreement({f"the snapshot of {source}": folder.name})


def progress(items: Iterable[Item], description: str, unit: str) -> tqdm[Item]:
    """A progress bar over `items`, shown by one rank."""
    if not is_main():
        return tqdm(items, disable=True)
    return tqdm(items, desc=description, unit=unit)
