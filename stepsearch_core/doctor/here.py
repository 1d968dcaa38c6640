"""What the doctor looks at, each thing read once: installed packages, GPUs, limits, the checkout's folders.

Nothing here imports torch: where it is broken, the doctor is what is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import PackageNotFoundError, distributions, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stepsearch_core.checking.gpus import Gpu, ToolError, driver_cuda, listed_gpus
from stepsearch_core.doctor.apart import Apart, Ending
from stepsearch_core.params import Params, ParamsError, load_params
from stepsearch_core.params.stages import LOOKED_AT

PROJECT = "stepsearch"
PATIENCE = 60.0
"""Seconds for a package to be imported from a cold disk."""
_PROBES = f"{__package__}.probes"
LOOK = Path("tasks/look.py")
"""What a checkout has to tell of DVC's files, which the library knows nothing of."""


class Here:
    """The machine at hand, and the checkout in the working folder."""

    def __init__(self, params: Path, data: Path) -> None:
        """Nothing is looked at before it is asked for.

        Args:
            params: The active profile's file.
            data: The stages' outputs.
        """
        self.path, self.data = params, data
        self._asked: dict[str, Apart | None] = {}
        self._endings: dict[str, Ending] = {}

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *exception: object) -> None:
        for asked in filter(None, self._asked.values()):
            asked.end()

    def begin(self) -> None:
        """Ask all that takes seconds, side by side; `ending` asks what has not begun."""
        for name in ("torch", "profile", "faiss", "checkout"):
            if name not in self._asked:
                self._asked[name] = self._ask(name)

    def ending(self, name: str) -> Ending | None:
        """What became of the process that was to tell of `torch`, `profile`, `faiss` or `checkout`; None
        where there is nothing to ask.
        """
        if name not in self._asked:
            self._asked[name] = self._ask(name)
        if name not in self._endings and (asked := self._asked[name]):
            self._endings[name] = asked.ending(PATIENCE)
        return self._endings.get(name)

    def _ask(self, name: str) -> Apart | None:
        paths = {"params": str(self.path), "data": str(self.data)}
        match name:
            case "torch":
                return Apart(f"{_PROBES}:torch_facts")
            case "profile" if self.path.is_file():
                return Apart(f"{_PROBES}:profile_findings", start=self.next_stage, **paths)
            case "faiss" if find_spec("faiss"):
                return Apart(f"{_PROBES}:faiss_facts")
            case "checkout" if LOOK.is_file():
                return Apart("tasks.look:look", params=str(self.path))
        return None

    def told(self, name: str) -> Any:
        """The value that it told; None without one."""
        ending = self.ending(name)
        return ending.value if ending else None

    # ---- packages

    @cached_property
    def installed(self) -> dict[str, str]:
        """Version of each installed distribution, by its canonical name; the first on the path counts."""
        found: dict[str, str] = {}
        for distribution in distributions():
            if name := distribution.metadata["Name"]:
                found.setdefault(canonicalize_name(name), distribution.version)
        return found

    @cached_property
    def extras(self) -> dict[str, list[Requirement]]:
        """What the project requires: always (`""`), and on top with each extra."""
        try:
            said = metadata(PROJECT)
        except PackageNotFoundError:
            return {"": []}
        requirements = [Requirement(text) for text in said.get_all("Requires-Dist") or []]
        always = list(_of_extra(requirements, ""))
        extras = {
            extra: [
                requirement for requirement in _of_extra(requirements, extra) if requirement not in always
            ]
            for extra in said.get_all("Provides-Extra") or []
        }
        return {"": always} | extras

    def requirement(self, name: str) -> str:
        """How a package is asked of pip, as the project's own metadata bounds it."""
        for requirements in self.extras.values():
            for requirement in requirements:
                if canonicalize_name(requirement.name) == canonicalize_name(name):
                    return f"'{plain(requirement)}'"
        return name

    # ---- the machine

    @cached_property
    def gpus(self) -> list[Gpu]:
        """All GPUs that NVIDIA's tool lists; none if it fails, which `tool_problem` tells."""
        try:
            return listed_gpus()
        except ToolError as error:
            self.tool_problem = str(error)
            return []

    tool_problem = ""

    @cached_property
    def driver_cuda(self) -> str | None:
        """The newest CUDA that the driver takes."""
        try:
            return driver_cuda() if self.gpus else None
        except ToolError:
            return None

    # ---- the active profile

    @cached_property
    def params(self) -> Params | None:
        """The active parameters; None if they are missing or broken (said where they are looked at)."""
        try:
            return load_params(self.path)
        except ParamsError:
            return None

    @cached_property
    def done(self) -> list[str]:
        """The stages whose folder is there."""
        return [stage for stage in LOOKED_AT if (self.data / stage).is_dir()]

    @property
    def next_stage(self) -> str:
        """The first stage that has no folder yet, of those that come long before the report."""
        return next((stage for stage in LOOKED_AT if stage not in self.done), LOOKED_AT[-1])

    @property
    def processes(self) -> int:
        """The most that a stage of the active profile starts."""
        params = self.params
        if params is None:
            return 1
        sections = (getattr(params, stage) for stage in LOOKED_AT if hasattr(params, stage))
        return max(getattr(section, "processes", 1) for section in sections)


def plain(requirement: Requirement) -> str:
    """A requirement without its marker: `torch<2.14,>=2.11`."""
    return f"{requirement.name}{requirement.specifier}"


def pip(*arguments: str) -> str:
    """The command that gives pip these arguments, in this environment."""
    python = "python" if sys.prefix != sys.base_prefix else Path(sys.executable).name
    return " ".join([python, "-m", "pip", *arguments])


def _of_extra(requirements: list[Requirement], extra: str) -> Iterator[Requirement]:
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
