"""Which modules of this project a module imports, read from its source: also what functions import when
called.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("stepsearch_core", "tasks", "flows")


def own_sources() -> list[Path]:
    """Every file of code that is ours but for tests, sorted within its package."""
    return [path for package in (*PACKAGES, "perf") for path in sorted((ROOT / package).rglob("*.py"))]


def project_modules() -> dict[str, Path]:
    """Every module by its dotted name; a package stands for its `__init__.py`."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {module_name(path): path for path in paths}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(nodes: Iterator[ast.AST]) -> set[str]:
    """Dotted names as imported: `from a.b import c` gives `a.b` and `a.b.c`."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert not node.level, "imports are absolute"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@functools.cache
def all_imports(path: Path) -> set[str]:
    """Names imported anywhere in the file."""
    return imported_names(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports_on_import(path: Path) -> set[str]:
    """Names imported when the file is: outside functions and outside `if TYPE_CHECKING`."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            type_checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if not type_checking and not isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            ):
                yield child
                yield from walk(child)

    return imported_names(walk(ast.parse(path.read_text(encoding="utf-8"))))


def reachable(start: str) -> set[str]:
    """The project's modules that `start` imports, directly or not, their packages, and itself."""
    modules = project_modules()
    found: set[str] = set()
    pending = [start]
    while pending:
        name = pending.pop()
        if name in modules and name not in found:
            found.add(name)
            pending += all_imports(modules[name])
            pending.append(name.rpartition(".")[0])
    return found
