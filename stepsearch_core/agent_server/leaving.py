"""Work for a client that may go away before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

Made = TypeVar("Made")


async def unless_left(receive: Receive, work: Awaitable[Made]) -> Made | None:
    """What `work` makes; it is cancelled, and that is None, if the client goes away before.

    Args:
        receive: of the client's request, whose body has been read.
        work: makes anything but None.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
