"""What a service is asked again after the asking process was killed: nothing that it had answered.

A scripted service answers each question after some milliseconds. The process that asks for search keys is
killed with -9 at random moments and started again until it ends. A question counts as asked twice if it
comes again after its answer was sent and the process lived on; those in flight when it died have to be asked
again.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stepsearch_core.base.streams import Name, draws

QUESTIONS = 300
DELAY = 0.02
"""Seconds in which the service answers."""
GRACE = 0.25
"""Seconds before a kill in which an answer may still have been on its way."""
ASKER = f"""
import sys
from collections import Counter
from pathlib import Path
from stepsearch_core.base.types import Hop
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import EndpointParams, SynthesizeParams
from stepsearch_core.synthesis.key_model import Model
from stepsearch_core.synthesis.sub_questions import parse_sub_question
hops = [Hop(f"Entity {{number}} >> author", "x", ("p",)) for number in range({QUESTIONS})]
own = SynthesizeParams(generator="endpoint", generator_model="m")
endpoint = Endpoint(EndpointParams(url=sys.argv[1], concurrency=4), "m", Path(sys.argv[2]))
Model(own, endpoint)([(hop, parse_sub_question(hop.sub_question)) for hop in hops], Counter())
"""


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answered: dict[str, list[float]] = {}
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Service

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(DELAY)
        message = {"role": "assistant", "content": '{"keys": ["a key"]}'}
        reply = {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        content = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        with self.server.lock:
            asked = json.loads(body["messages"][1]["content"])["asked"]
            self.server.answered.setdefault(asked, []).append(time.monotonic())

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def asked_twice(folder: Path, kills: int) -> tuple[int, int]:
    """Questions asked again though they had been answered, and how many kills there were.

    Args:
        folder: gets the kept replies.
        kills: at most; the process may end before.
    """
    draw = draws(0, Name.MEASUREMENT)
    service = _Service()
    threading.Thread(target=service.serve_forever, daemon=True).start()
    command = [
        sys.executable,
        "-c",
        ASKER,
        f"http://127.0.0.1:{service.server_port}/v1",
        str(folder / "replies"),
    ]
    killed: list[float] = []
    while _killed(command, draw, len(killed) < kills, service):
        killed.append(time.monotonic())
    service.shutdown()
    twice = 0
    for moments in service.answered.values():
        settled = [moment for moment in moments[:-1] if all(abs(moment - k) > GRACE for k in killed)]
        twice += bool(settled)
    return twice, len(killed)


def _killed(command: list[str], draw: random.Random, may: bool, service: _Service) -> bool:
    """Run the asker; whether it was killed, some time after it had begun to ask."""
    before = len(service.answered)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while may and process.poll() is None and len(service.answered) == before:
        time.sleep(0.01)
    try:
        status = process.wait(draw.uniform(0, 0.5) if may else None)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    if status:
        sys.exit(f"the process that asks ended with status {status}")
    return False
