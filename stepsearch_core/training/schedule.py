"""How learning rates rise and fall over a run: a linear warm-up, then constant or a decay to 0.

The paper warms up over .285 of the steps for the policy and .015 for the critic (Appendix B).
"""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_scheduler


def schedule(kind: str, optimizer: Optimizer, updates: int, warmup_ratio: float) -> LRScheduler:
    """A scheduler that is stepped once an update, transformers' own.

    Args:
        kind: `constant`, `linear` or `cosine`, what follows the warm-up.
        optimizer: whose rates are at their highest.
        updates: of the whole run.
        warmup_ratio: share of them in which the rate rises from 0, which the first of these has.
    """
    name = "constant_with_warmup" if kind == "constant" else kind
    return get_scheduler(name, optimizer, round(warmup_ratio * updates), updates)
