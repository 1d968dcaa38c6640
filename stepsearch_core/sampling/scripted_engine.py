"""An engine without a model: it writes given texts. Ceilings and tests play with it, in the real loop.

A script is an iterable of turns. The i-th context that is opened writes script i, so with `rollout.loop`,
which opens contexts in the order of its episodes, script i belongs to episode i. A turn is taken from its
script when it is due: a generator can look at its episode before it says what comes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext

import numpy as np
from transformers import PreTrainedModel

from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.sampling.engine import Generation, TurnRequest


class ScriptedEngine:
    """Writes `scripts`, each once, encoded as `renderer` encodes what the environment writes."""

    in_place = True
    shared_by = 1

    def __init__(self, renderer: Renderer, scripts: Iterable[Iterable[str]]) -> None:
        self._renderer, self._scripts = renderer, iter(scripts)

    def session(self, slots: int, capacity: int) -> ScriptedSession:
        """Open a session, which goes on with the scripts that no context has had yet."""
        return ScriptedSession(self._renderer, self._scripts)

    def played(self) -> nullcontext[bool]:
        """Every rank plays."""
        return nullcontext(True)

    def update(self, policy: PreTrainedModel) -> None:
        """Nothing to do: no weights write here."""

    def sleep(self) -> None:
        """Nothing to do."""


class ScriptedSession:
    """See `sampling.engine.Session`; every turn asked for ends with the next pass."""

    def __init__(self, renderer: Renderer, scripts: Iterator[Iterable[str]]) -> None:
        self._renderer, self._scripts = renderer, scripts
        self._turns: dict[int, Iterator[str]] = {}
        self._limits: dict[int, int] = {}  # of the turns under way

    def open(self, slot: int, stream: np.random.Generator | None, temperature: float | None = None) -> None:
        """Begin the next script in a slot."""
        self._turns[slot] = iter(next(self._scripts, ()))
        self._limits.pop(slot, None)

    def submit(self, slot: int, request: TurnRequest) -> None:
        """Ask for the next turn of a slot's script."""
        self._limits[slot] = request.max_new_tokens

    def close(self, slot: int) -> None:
        """Forget a slot's script, if it has begun one."""
        self._turns.pop(slot, None)

    def advance(self) -> dict[int, Generation]:
        """Write the turns asked for.

        Raises:
            ValueError: a script ended before its episode, or there are fewer scripts than contexts.
        """
        limits, self._limits = self._limits, {}
        return {slot: self._write(slot, limit) for slot, limit in limits.items()}

    def _write(self, slot: int, limit: int) -> Generation:
        """The next turn, cut where a model would have had to stop; its tokens are certain."""
        text = next(self._turns[slot], None)
        if text is None:
            raise ValueError(f"slot {slot} has no script, or one that ended before its episode")
        ids, _, text = self._renderer.written(text, limit)
        return Generation(ids, [0.0] * len(ids), text)
