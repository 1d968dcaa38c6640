"""What asking a service has taken, or would take: requests, tokens and their price."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from typing import Any

from stepsearch_core.params import EndpointParams

CHARACTERS = 4
"""Of a token, by OpenAI's rule of thumb for English; other scripts have fewer."""
_MILLION = 1e6


@dataclass(slots=True)
class Usage:
    """Requests made, replies that were kept from earlier ones, and tokens of both directions."""

    requests: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Usage(*(mine + theirs for mine, theirs in pairs))

    def cost(self, params: EndpointParams) -> float | None:
        """In the currency of the prices; None where they are not given."""
        if params.prompt_price is None or params.reply_price is None:
            return None
        prompts, replies = self.prompt_tokens * params.prompt_price, self.reply_tokens * params.reply_price
        return (prompts + replies) / _MILLION

    def to_json(self, params: EndpointParams) -> dict[str, Any]:
        """With the cost, if prices are given."""
        cost = self.cost(params)
        return asdict(self) | ({} if cost is None else {"cost": cost})
