"""dvc.yaml says what is true: each stage names the code that it imports and the parameters that it reads."""

import ast
import functools
from pathlib import Path

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from tests.checkout import STAGES
from tests.import_graph import ROOT, project_modules, reachable

SCHEMA = {  # they handle every section alike
    *(path.relative_to(ROOT) for path in (ROOT / "stepsearch_core" / "params").glob("*.py")),
}
OUTSIDE_THE_DAG = {"compare", "encode", "reevaluate", "relocate", "repair"}
NO_RESULT = {"endpoint", "watch"}  # sections whose values change no result
AFTER = {  # what a changed parameter of the stage makes stale besides the stage itself
    "corpus": {"index", "synthesize", "warmstart", "train", "evaluate", "report"},
    "train": {"evaluate", "report"},
    "evaluate": {"report"},
    "report": set(),
}


@pytest.fixture(scope="module")
def stages():
    with Repo(str(ROOT)) as repo:
        return {stage.name: stage for stage in repo.index.stages if hasattr(stage, "name")}


def paths(stage) -> list[Path]:
    """The stage's dependencies on files and folders."""
    return [Path(dep.def_path) for dep in stage.deps if not isinstance(dep, ParamsDependency)]


def sections(stage) -> set[str]:
    """The sections of params.yaml that the stage names."""
    return {key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params}


def has_code(path: Path) -> bool:
    """False for an `__init__.py` with nothing but a docstring, which no result can depend on."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


@functools.cache
def imported_files(name: str) -> set[Path]:
    modules = project_modules()
    return {
        modules[module].relative_to(ROOT)
        for module in reachable(f"tasks.{name}")
        if has_code(modules[module])
    }


def test_stage_is_task_module_is_data_folder(stages):
    modules = {
        path.stem for path in (ROOT / "tasks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
    }
    assert set(stages) == set(STAGES) == modules - OUTSIDE_THE_DAG
    for name, stage in stages.items():
        assert stage.cmd == f"python -m tasks.{name}"
        assert [out.def_path for out in stage.outs] == [f"data/{name}"]


@pytest.mark.slow
def test_dependencies_cover_the_imported_modules(stages):
    missing = {
        name: {str(file) for file in imported_files(name) if not within(file, paths(stages[name]))}
        for name in STAGES
    }
    assert not any(missing.values()), f"imported, but not listed under deps: {missing}"


def test_dependencies_on_code_are_imported(stages):
    idle = {
        name: {
            str(path)
            for path in paths(stages[name])
            if path.parts[0] in ("tasks", "stepsearch_core")
            and not any(file.is_relative_to(path) for file in imported_files(name))
        }
        for name in STAGES
    }
    assert not any(idle.values()), f"listed under deps, but not imported: {idle}"


def within(file: Path, folders: list[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)


def test_a_folder_of_the_core_is_the_unit_of_staleness(stages):
    parts = {
        str(path) for stage in stages.values() for path in paths(stage) if path.parts[0] == "stepsearch_core"
    }
    assert {part for part in parts if part.count("/") != 1 or not (ROOT / part).is_dir()} == set()


@functools.cache
def sections_read(path: Path) -> set[str]:
    """What a file's functions read of an argument annotated `Params`."""
    found = set()
    for function in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            names = {
                arg.arg for arg in arguments if arg.annotation and ast.unparse(arg.annotation) == "Params"
            }
            attributes = (node for node in ast.walk(function) if isinstance(node, ast.Attribute))
            found |= {
                node.attr
                for node in attributes
                if isinstance(node.value, ast.Name) and node.value.id in names
            }
    return found


def test_parameters_are_those_that_the_code_reads(stages):
    """Functions take the sections that they need; only a stage's own may take `params: Params` and pick from
    it. The report prints all parameters: it depends on the whole file, which DVC gives as no section.
    """
    read = {
        name: {key for path in imported_files(name) - SCHEMA for key in sections_read(path)} - NO_RESULT
        for name in STAGES
        if name != "report"
    }
    assert read == {name: sections(stages[name]) for name in read}
    assert [dep.params for dep in stages["report"].deps if isinstance(dep, ParamsDependency)] == [[]]


def test_what_a_changed_parameter_makes_stale(stages):
    found = {}
    for name in AFTER:
        stale = {name}
        for later in STAGES:
            if any(Path("data") / earlier in paths(stages[later]) for earlier in stale):
                stale.add(later)
        found[name] = stale - {name}
    assert found == AFTER
