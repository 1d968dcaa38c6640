"""Retrieval-augmented generation with a single search: the question is the query, and one turn answers.

After Lewis et al. 2020 (arXiv 2005.11401), without training: documents stand behind the question in the
prompt, in a chat within the user's turn, as many as `environment.passages_per_search`.
"""

from __future__ import annotations

from stepsearch_core.environment.protocols.answers import read_whole
from stepsearch_core.environment.protocols.protocol import Protocol

RAG = Protocol(
    texts={
        "prompt": (
            "Answer the question with the help of the documents behind it, which a search engine found and"
            " which may be of no use. Answer in as few words as possible and without any explanation."
            "\nQuestion: {question}\n"
        )
    },
    read=read_whole,
    asks_first=True,
    goes_on=False,
    must_think=False,
)
