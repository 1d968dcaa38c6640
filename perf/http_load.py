"""Load on a retrieval server from a process of its own: `python -m perf.http_load PORT QUERIES [options]`.

QUERIES is a JSON list; each is sent once, alone in its request, over connections that stay open. Closed
loop: so many clients, each of which asks again as soon as it is answered. Open loop: requests begin at the
moments of a Poisson process, whether earlier ones have been answered or not, and latency counts from those
moments. Prints seconds, and every request's latency, as JSON. HTTP by hand: a client library takes as long a
request as the server does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from stepsearch_core.base.streams import Name, stream

TOPK = 3
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(connection: Connection, query: str) -> None:
    """One request over an open connection.

    Raises:
        RuntimeError: the server answered with an error.
    """
    reader, writer = connection
    body = json.dumps({"queries": [query], "topk": TOPK, "return_scores": True}).encode()
    writer.write(b"POST /retrieve HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n")
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in answer.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    content = await reader.readexactly(length)
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"{answer.splitlines()[0]!r}: {content[:200]!r}")


async def closed_loop(port: int, queries: list[str], clients: int) -> list[float]:
    """All queries by so many clients; latencies in seconds."""
    waiting, latencies = deque(queries), []

    async def client() -> None:
        connection = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            query, started = waiting.popleft(), time.perf_counter()
            await ask(connection, query)
            latencies.append(time.perf_counter() - started)
        connection[1].close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies


async def open_loop(port: int, queries: list[str], rate: float) -> list[float]:
    """All queries at `rate` a second; latencies in seconds."""
    free: list[Connection] = []
    latencies: list[float] = []
    begin = time.perf_counter()
    due = begin + stream(0, Name.MEASUREMENT).exponential(1 / rate, len(queries)).cumsum()

    async def request(query: str, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        connection = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        await ask(connection, query)
        latencies.append(time.perf_counter() - moment)
        free.append(connection)

    await asyncio.gather(*map(request, queries, due.tolist()))
    for _, writer in free:
        writer.close()
    return latencies


def main() -> None:
    """Send what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m perf.http_load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--clients", type=int, default=64, help="of the closed loop (default: 64)")
    parser.add_argument("--rate", type=float, help="requests a second: an open loop")
    options = parser.parse_args()
    queries: list[str] = json.loads(options.queries.read_text(encoding="utf-8"))
    started = time.perf_counter()
    loop = (
        open_loop(options.port, queries, options.rate)
        if options.rate
        else closed_loop(options.port, queries, options.clients)
    )
    latencies = asyncio.run(loop)
    result: dict[str, Any] = {"seconds": time.perf_counter() - started, "latencies": latencies}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
