"""Random damage for readers: bytes replaced, inserted, deleted or cut off; fields dropped or retyped at any
depth.
"""

import copy
import json
import re

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError

EXAMPLES = settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged_bytes(draw, content: bytes) -> bytes:
    """One to four edits of at most 20 bytes, then perhaps cut short."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(damaged)))
        damaged[start : start + draw(st.integers(0, 20))] = draw(st.binary(max_size=6))
    return bytes(damaged[: draw(st.none() | st.integers(0, len(damaged)))])


@st.composite
def damaged_row(draw, row: dict) -> dict:
    """A copy with one value somewhere in it removed or replaced."""
    row = copy.deepcopy(row)
    target = row
    while True:
        key = draw(st.sampled_from(list(target) if isinstance(target, dict) else list(range(len(target)))))
        if not isinstance(target[key], dict | list) or not target[key] or draw(st.booleans()):
            break
        target = target[key]
    if draw(st.booleans()):
        del target[key]
    else:
        target[key] = draw(VALUES)
    return row


def lines(*rows: dict) -> bytes:
    """JSON lines, lone surrogates escaped."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read_or_refuse(read, path, content: bytes, place: str = "") -> None:
    """`read(path)` succeeds, or refuses in one line that begins with the file and, if it says so, `place`.

    Only a file without any row, or one that is missing, is refused without a place.
    """
    path.write_bytes(content)
    message = None
    try:
        read(path)
    except DataError as error:
        message = str(error)
    if message is not None:
        whole_file = re.fullmatch(re.escape(str(path)) + r": no rows", message)
        assert whole_file or re.match(re.escape(str(path)) + place + ": ", message), message
        assert "\n" not in message, message
