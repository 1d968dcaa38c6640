"""Memory that was freed, given back to the system: the C library's allocator keeps it otherwise.

What a process holds is then what it uses. Tensors below 32 MB lie in the allocator's own heap, which keeps
its size when they go: setting up an optimizer leaves more behind than a small model's weights take.
"""

from __future__ import annotations

import ctypes
import gc


def give_back_freed_memory() -> None:
    """Give whole pages of freed memory back, where the C library can (glibc's `malloc_trim`)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
