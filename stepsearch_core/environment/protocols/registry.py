"""All protocols, by the names that `environment.protocol` may have."""

from __future__ import annotations

from stepsearch_core.environment.protocols.chain_of_thought import CHAIN_OF_THOUGHT
from stepsearch_core.environment.protocols.direct import DIRECT
from stepsearch_core.environment.protocols.ircot import IRCOT
from stepsearch_core.environment.protocols.protocol import Protocol
from stepsearch_core.environment.protocols.rag import RAG
from stepsearch_core.environment.protocols.search_o1 import SEARCH_O1

AGENT = Protocol()
"""Of the paper: it thinks, searches in words of its own, and answers when it has seen enough."""
PROTOCOLS = {
    "agent": AGENT,
    "direct": DIRECT,
    "chain_of_thought": CHAIN_OF_THOUGHT,
    "rag": RAG,
    "ircot": IRCOT,
    "search_o1": SEARCH_O1,
}
