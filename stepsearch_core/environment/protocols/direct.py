"""Direct answer: the question, and nothing to go by; one turn. Whatever it says is the answer."""

from __future__ import annotations

from stepsearch_core.environment.protocols.answers import read_whole
from stepsearch_core.environment.protocols.protocol import Protocol

DIRECT = Protocol(
    texts={
        "prompt": (
            "Answer the question in as few words as possible and without any explanation.\nQuestion:"
            " {question}\n"
        )
    },
    read=read_whole,
    goes_on=False,
    must_search=False,
    must_think=False,
)
