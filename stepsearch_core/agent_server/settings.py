"""What an agent's server is started with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """What `stepsearch serve` is asked for, but for the address; `--help` says what each is."""

    policy: str | None = None
    data: str = "data"
    params: str = "params.yaml"
    name: str = "stepsearch"
    slots: int | None = None
    queue: int = 256
    question: int = 8192
    timeout: float = 60.0
