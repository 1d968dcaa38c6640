"""Search-o1: the agent, but for what a search shows: the policy's own summary of what was found.

After Li et al. 2025 (arXiv 2501.05366): documents go to a call of the same model in a context of its own,
which has the question, the turn that asked and the query; what it writes is the observation, and documents
never enter the reasoning. Departures: turns have the tags of the prompt style (`environment.prompt`); of the
reasoning so far the call is shown the last turn alone; a search that finds nothing is not summed up; and
the summary has the limit of a turn, `environment.max_turn_tokens`.
"""

from __future__ import annotations

from stepsearch_core.environment.protocols.protocol import Protocol

NOTHING = "Nothing helpful was found."
"""What a search shows whose documents the policy has summed up with nothing."""
SEARCH_O1 = Protocol(
    refinement=(
        "Somebody who answers a question step by step has searched for documents. Read what follows: the"
        " question, the latest step, the query and the documents. Write down in a few sentences the facts"
        " in the documents that help with the query, and nothing else; do not answer the question. If"
        f" nothing helps, write: {NOTHING}\nQuestion: {{question}}\n"
    )
)
