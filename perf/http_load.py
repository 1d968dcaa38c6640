"""Load on a server from a process of its own: `python -m perf.http_load PORT PATH BODIES [options]`.

BODIES is a JSON list; each is posted once to the server's PATH, over connections that stay open. Closed
loop: so many clients, each of which asks again as soon as it is answered. Open loop: requests begin at the
moments of a Poisson process, whether earlier ones have been answered or not, and latency counts from those
moments. Prints seconds, every request's latency, and what its handler took (`Server-Timing`), as JSON. HTTP
by hand: a client library takes as long a request as the server does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.terminal import terminal

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Times(NamedTuple):
    """Seconds of every request, as the client and as the server's handler sees them."""

    latencies: list[float]
    handler: list[float]


async def ask(connection: Connection, path: str, body: bytes) -> float:
    """One request over an open connection; the seconds that the handler took, NaN where it does not say.

    Raises:
        RuntimeError: the server answered with an error.
    """
    reader, writer = connection
    writer.write(f"POST {path} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\n".encode())
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    content = await reader.readexactly(int(headers["content-length"]))
    if " 200 " not in status:
        raise RuntimeError(f"{status}: {content[:200]!r}")
    timing = headers.get("server-timing", "dur=nan")
    return float(timing.partition("dur=")[2]) / 1000


async def closed_loop(port: int, path: str, bodies: list[bytes], clients: int) -> Times:
    """All requests by so many clients; latencies and the handler's seconds."""
    waiting, times = deque(bodies), Times([], [])

    async def client() -> None:
        connection = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            body, started = waiting.popleft(), time.perf_counter()
            times.handler.append(await ask(connection, path, body))
            times.latencies.append(time.perf_counter() - started)
        connection[1].close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


async def open_loop(port: int, path: str, bodies: list[bytes], rate: float) -> Times:
    """All requests at `rate` a second; latencies and the handler's seconds."""
    free: list[Connection] = []
    times = Times([], [])
    begin = time.perf_counter()
    due = begin + stream(0, Name.MEASUREMENT).exponential(1 / rate, len(bodies)).cumsum()

    async def request(body: bytes, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        connection = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        times.handler.append(await ask(connection, path, body))
        times.latencies.append(time.perf_counter() - moment)
        free.append(connection)

    await asyncio.gather(*map(request, bodies, due.tolist()))
    for _, writer in free:
        writer.close()
    return times


@terminal()
def main() -> None:
    """Send what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m perf.http_load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--clients", type=int, default=64, help="of the closed loop (default: 64)")
    parser.add_argument("--rate", type=float, help="requests a second: an open loop")
    options = parser.parse_args()
    bodies = [json.dumps(body).encode() for body in json.loads(options.bodies.read_text(encoding="utf-8"))]
    started = time.perf_counter()
    loop = (
        open_loop(options.port, options.path, bodies, options.rate)
        if options.rate
        else closed_loop(options.port, options.path, bodies, options.clients)
    )
    times = asyncio.run(loop)
    json.dump({"seconds": time.perf_counter() - started, **times._asdict()}, sys.stdout)


if __name__ == "__main__":
    main()
