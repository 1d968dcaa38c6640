"""A service in a thread of the test, which answers by the protocol of retrieval and fails as it is told."""

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stepsearch_core.retrieval.fingerprint import INDEX_HEADER


class Service(ThreadingHTTPServer):
    """Answers every request by `answer(path, body)`: a status, headers and a body (JSON or bytes).

    Before it does, the next action of `script` is taken; one that is not None is the answer instead.
    A context manager: it serves within, at `url`.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer, script=(), port=0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer, self.script = answer, list(script)
        self.asked: list[tuple[str, Any]] = []
        self.connections: set[object] = set()
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.ended.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that has gone is nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay
    server: Service

    def do_POST(self):
        server = self.server
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        server.asked.append((self.path, body))
        server.connections.add(self.client_address)
        action = server.script.pop(0) if server.script else None
        if callable(action):
            action(self)
        else:
            self.send(*(action or server.answer(self.path, body)))

    do_GET = do_POST  # noqa: N815

    def send(self, status, headers, body, cut=None):
        """An answer; with `cut` only so many bytes of its body, and then the connection ends."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:cut])
        self.close_connection |= cut is not None

    def log_message(self, *arguments):
        pass


def resets(handler):
    """The connection is torn down without an answer."""
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.connection.close()


def breaks_off(handler):
    """Half of an answer's body."""
    handler.send(200, {}, {"result": [[]]}, cut=7)


def is_silent(handler):
    """No answer as long as the service lives."""
    handler.server.ended.wait(30)
    handler.close_connection = True


HTML = 200, {}, b"<html>a proxy's page</html>"
BUSY = 503, {}, {"error": "loading"}
FULL = 429, {}, {"error": "too many requests"}
BUG = 500, {}, b"Internal Server Error"
TROUBLES = {
    "reset": resets,
    "half a body": breaks_off,
    "garbage": HTML,
    "nothing": (200, {}, {}),
    "503": BUSY,
    "429": FULL,
    "500": BUG,
}
"""What another attempt may get over."""


def retrieval(retriever, index="index", method="bm25"):
    """The answers of a service that searches with `retriever`, a `CorpusRetriever`."""
    corpus = retriever.corpus
    fingerprint = {"corpus": corpus.hash, "passages": len(corpus), "index": index, "method": method}

    def document(passage):
        return {"id": passage.id, "contents": passage.contents, "title": passage.title, "text": passage.text}

    def answer(path, body):
        if path == "/retrieve":
            found = retriever.search(body["queries"], body["topk"])
            result = [
                [{"document": document(hit.passage), "score": hit.score} for hit in hits] for hits in found
            ]
            return 200, {INDEX_HEADER: index}, {"result": result}
        return 200, {}, fingerprint if path == "/fingerprint" else {"ready": True}

    return answer
