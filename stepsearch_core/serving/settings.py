"""What a server is started with, and the limits that it has in any case."""

from __future__ import annotations

from dataclasses import dataclass

from stepsearch_core.base.errors import DataError

MAX_BODY_BYTES = 16 << 20
"""Of a request: a training batch of thousands of queries has half a megabyte."""
MAX_QUERIES = 4096
"""Of a request: Search-R1's trainer sends a whole batch at once, 512 questions with 5 samples each."""
PATIENCE_SECONDS = 30.0
"""What a client may take to send its request, or to take its answer."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """What `stepsearch serve-retriever` is asked for, but for the address; `--help` says what each is."""

    data: str = "data"
    params: str = "params.yaml"
    method: str | None = None
    cache: str | None = None
    cache_gb: float = 10.0
    max_batch: int = 64
    queue: int = 8192
    topk: int = 3
    topk_limit: int = 100
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.topk > self.topk_limit:
            problem = f"{self.topk} is above --topk-limit, {self.topk_limit}"
            raise DataError(problem, "serve-retriever", field="--topk")
