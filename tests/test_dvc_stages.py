"""dvc.yaml says what is true: each stage names the code that it imports and the parameters that it reads."""

import ast
from pathlib import Path

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from tests.import_graph import ROOT, project_modules, reachable

STAGES = ("fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate", "report")
SCHEMA = {  # they handle every section alike
    Path("stepsearch_core/profiles.py"),
    *(path.relative_to(ROOT) for path in (ROOT / "stepsearch_core" / "params").glob("*.py")),
}
OUTSIDE_THE_DAG = {"reevaluate", "relocate", "repair"}
NO_RESULT = {"watch"}  # sections whose values change no result
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


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_cover_the_imported_modules(stages, name):
    covered = paths(stages[name])
    missing = {str(f) for f in imported_files(name) if not any(f.is_relative_to(path) for path in covered)}
    assert not missing, f"stage {name} imports, but does not list under deps: {sorted(missing)}"


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_on_code_are_imported(stages, name):
    imported = imported_files(name)
    code = [path for path in paths(stages[name]) if path.parts[0] in ("tasks", "stepsearch_core")]
    idle = {str(path) for path in code if not any(f.is_relative_to(path) for f in imported)}
    assert not idle, f"stage {name} lists code that it does not import: {sorted(idle)}"


def test_a_folder_of_the_core_is_the_unit_of_staleness(stages):
    parts = {
        str(path) for stage in stages.values() for path in paths(stage) if path.parts[0] == "stepsearch_core"
    }
    assert {part for part in parts if part.count("/") != 1 or not (ROOT / part).is_dir()} == set()


def sections_read(path: Path) -> set[str]:
    """What a file's functions read of an argument annotated `Params`."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


@pytest.mark.parametrize("name", STAGES)
def test_parameters_are_those_that_the_code_reads(stages, name):
    """Functions take the sections that they need; only a stage's own may take `params: Params` and pick from
    it.
    """
    if name == "report":  # prints all parameters: depends on the whole file, which DVC gives as no section
        assert [dep.params for dep in stages[name].deps if isinstance(dep, ParamsDependency)] == [[]]
        return
    read = {key for path in imported_files(name) - SCHEMA for key in sections_read(ROOT / path)}
    assert read - NO_RESULT == sections(stages[name])


@pytest.mark.parametrize("name", AFTER)
def test_what_a_changed_parameter_makes_stale(stages, name):
    stale = {name}
    for other in STAGES:
        if any(Path("data") / earlier in paths(stages[other]) for earlier in stale):
            stale.add(other)
    assert stale - {name} == AFTER[name]
