"""Chain of thought without a search: one turn that reasons, then names the answer.

After Wei et al. 2022 (arXiv 2201.11903) and, as nothing is shown how to reason, Kojima et al. 2022 (arXiv
2205.11916). A turn that never says what the answer is has none.
"""

from __future__ import annotations

from stepsearch_core.environment.protocols.answers import read_named
from stepsearch_core.environment.protocols.protocol import Protocol

CHAIN_OF_THOUGHT = Protocol(
    texts={
        "prompt": (
            "Answer the question. Think step by step first, in a few sentences, and end with a line of the"
            ' form "So the answer is: Beijing", with as few words for the answer as possible.\nQuestion:'
            " {question}\n"
        )
    },
    read=read_named,
    goes_on=False,
    must_search=False,
)
