"""Chromium without a window, driven over its debugging pipe: pages are opened, clicked, typed at, drawn.

The pipe (file descriptors 3 and 4, messages that end in a null byte) needs no port and no package.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds to wait for an answer, or for something to become true."""
CODES = {"Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
"""Of keys that write nothing."""


def executable() -> str | None:
    """Where Chromium or Chrome is; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


class Page:
    """The browser's one tab."""

    def __init__(self, reading: int, writing: int) -> None:
        self.reading, self.writing = reading, writing
        self.left = b""
        self.sent = 0
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Runtime.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method of the DevTools protocol answers; events on the way are kept in `events`."""
        self.sent += 1
        message: dict[str, Any] = {"id": self.sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self.left:
            assert select.select([self.reading], [], [], max(0.0, until - time.monotonic()))[0], "no answer"
            got = os.read(self.reading, 1 << 16)
            assert got, "the browser has gone"
            self.left += got
        first, _, self.left = self.left.partition(b"\0")
        return json.loads(first)

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file, in a fresh document, and wait until it is complete."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.as_uri() + fragment)
        self.wait("location.protocol === 'file:' && document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """The value of an expression (of what it promises) in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true of the page."""
        until = time.monotonic() + PATIENCE
        while not self.run(condition):
            assert time.monotonic() < until, f"not within {PATIENCE:.0f} s: {condition}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press and release a key, where the focus is."""
        means: dict[str, Any] = {"windowsVirtualKeyCode": CODES[key]} if key in CODES else {"text": key}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **means)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screen(self, width: int, height: int, scheme: str = "light") -> None:
        """The size of the window, and whether the reader wants light or dark pages."""
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def draw(self, path: Path) -> None:
        """Write what the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def errors(self) -> list[str]:
        """What scripts threw and nobody caught."""
        self.run("0")  # events that came before its answer
        thrown = [event for event in self.events if event.get("method") == "Runtime.exceptionThrown"]
        return [json.dumps(event["params"]["exceptionDetails"]) for event in thrown]


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A tab of a browser that keeps what it keeps in the folder `profile`."""
    to_browser, to_us = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command = [str(executable()), *options, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command,
        preexec_fn=partial(_place, to_browser[0], to_us[1]),
        close_fds=False,  # those that Python opens close themselves
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(to_us[1])
    try:
        page = Page(to_us[0], to_browser[1])
        yield page
        page.session = None
        page.call("Browser.close")
    finally:
        os.close(to_browser[1])
        os.close(to_us[0])
        process.terminate()
        process.wait(PATIENCE)


def _place(reading: int, writing: int) -> None:
    """Put the pipes where the browser looks for them, over whatever is there."""
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (reading, writing)]
    for place, end in zip((3, 4), high, strict=True):
        os.dup2(end, place)
        os.close(end)
