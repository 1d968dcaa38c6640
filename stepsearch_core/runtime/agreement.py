"""Ranks that are about to work together see whether they hold the same things: parameters, data, software.

Machines have disks and environments of their own. What one of them has otherwise would not fail: it would
train on something that no single machine has.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.ranks import is_first_here, rank, world_size

MOST_NAMED = 4
"""Differences that the error spells out; the others it counts."""
MISSING = "missing"

Held = tuple[int, str, dict[str, str]]
"""A rank, its machine, and what it holds by name."""


class AgreementError(ExplainedError):
    """Ranks hold different things."""


def check_agreement(held: Mapping[str, str]) -> None:
    """See that every rank holds the same; called by all of them, before they work.

    Args:
        held: of this rank: a value, or the hash of a content, by a name that tells people what it is of.

    Raises:
        AgreementError: names what differs, with each value and who has it. Raised by one rank of each
            machine; the others end without a word.
    """
    if world_size() == 1:
        return
    import torch

    from stepsearch_core.runtime.process_group import join_process_group, patient_group

    join_process_group()
    everybody: list[Any] = [None] * world_size()
    mine: Held = (rank(), socket.gethostname(), dict(held))
    torch.distributed.all_gather_object(everybody, mine, group=patient_group())
    found = differences(everybody)
    if not found:
        return
    if not is_first_here():
        with suppress(RuntimeError):  # the connection is lost when they have said it
            torch.distributed.barrier(group=patient_group())
        sys.exit(1)
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    raise AgreementError(f"the processes disagree, nothing was begun: {'; '.join(found[:MOST_NAMED])}{more}")


def differences(everybody: Sequence[Held]) -> list[str]:
    """A line for every name under which not all ranks hold the same."""
    names = dict.fromkeys(name for _, _, held in everybody for name in held)
    lines = []
    for name in names:
        holders: dict[str, list[str]] = {}
        for number, machine, held in everybody:
            holders.setdefault(held.get(name, MISSING), []).append(f"rank {number} ({machine})")
        if len(holders) > 1:
            values = (
                f"{value} on {ranks[0]}{f' and {len(ranks) - 1} more' if len(ranks) > 1 else ''}"
                for value, ranks in holders.items()
            )
            lines.append(f"{name} is {', '.join(values)}")
    return lines
