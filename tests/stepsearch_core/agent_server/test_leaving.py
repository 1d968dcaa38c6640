import asyncio

import pytest

from stepsearch_core.agent_server.leaving import unless_left


def made(work, messages):
    """What comes of work for a client that sends messages, and is silent after them."""
    left = [{"type": kind} for kind in messages]

    async def receive():
        return left.pop(0) if left else await asyncio.Event().wait()

    return asyncio.run(unless_left(receive, work))


def test_what_is_made_for_one_who_waits_is_given():
    assert made(asyncio.sleep(0.01, "made"), ["http.request"]) == "made"


def test_work_for_one_who_has_left_is_cancelled():
    ended = []

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")

    assert made(work(), ["http.request", "http.disconnect"]) is None
    assert ended == ["cancelled"]


def test_an_error_of_the_work_is_the_caller_s():
    async def work():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        made(work(), [])
