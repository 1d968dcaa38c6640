"""Imports run one way, torch is loaded only by what needs it, and every module of the core has its tests."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.import_graph import ROOT, all_imports, imports_on_import, project_modules

LAYERS = (
    ("base", "params", "runtime"),
    ("data", "benchmarks", "fetching", "worlds", "retrieval", "metrics", "endpoint"),
    ("synthesis", "environment", "rewards", "policy"),
    ("sampling", "learning"),
    ("rollout",),
    ("training", "evaluation"),
    (
        "report",
        "studies",
        "profiles",
        "planning",
        "checking",
        "doctor",
        "serving",
        "asking",
        "agent_server",
        "commands",
        "cli",
    ),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
CORE = {name: path for name, path in project_modules().items() if name.startswith("stepsearch_core.")}
MAY_IMPORT_TORCH = (
    "stepsearch_core.doctor.trials.",
    "stepsearch_core.retrieval.sentence_encoder",
    "stepsearch_core.runtime.process_group",
    *(f"stepsearch_core.{part}" for part in ("policy", "sampling", "learning", "training")),
)
LIGHT = (
    "base",
    "params",
    "data",
    "benchmarks",
    "fetching",
    "worlds",
    "metrics",
    "endpoint",
    "environment",
    "rewards",
    "synthesis",
    "report",
    "studies",
    "cli",
    "commands",
)

TESTED_ELSEWHERE = {
    "stepsearch_core.params.loading": "test_params.py",  # what is typed, what is read and which rules hold
    "stepsearch_core.params.rules": "test_params.py",
    "stepsearch_core.params.stages": "test_params.py",
    "stepsearch_core.rewards.presets": "rewards/test_released_context.py",  # both score one trajectory
}
"""Modules whose tests do not stand in a file of their own, and where they stand."""


def part_of(name: str) -> str:
    """`rewards` of `stepsearch_core.rewards.answer`."""
    return name.split(".")[1]


def offenders(imported: dict[str, set[str]]) -> str:
    """Every module with what it must not import."""
    return "\n".join(f"{name} imports {', '.join(sorted(bad))}" for name, bad in imported.items() if bad)


def core_imports(name: str) -> set[str]:
    """Other parts of the core that a module imports."""
    imported = {part_of(other) for other in all_imports(CORE[name]) if other.startswith("stepsearch_core.")}
    return (imported & LAYER.keys()) - {part_of(name)}


def test_a_module_imports_only_its_own_layer_and_those_below():
    assert {part_of(name) for name in CORE} <= LAYER.keys(), "each part has a place in LAYERS"
    above = {
        name: {other for other in core_imports(name) if LAYER[other] > LAYER[part_of(name)]} for name in CORE
    }
    assert not any(above.values()), offenders(above)


def test_parts_do_not_import_each_other_in_circles():
    graph: dict[str, set[str]] = {}
    for name in CORE:
        graph.setdefault(part_of(name), set()).update(core_imports(name))
    graphlib.TopologicalSorter(graph).prepare()


def test_the_core_knows_no_stage_flow_or_orchestrator_and_stages_know_no_flow():
    above = {
        "stepsearch_core": {"tasks", "flows", "dvc", "dvclive", "prefect"},
        "tasks": {"flows", "prefect"},
    }
    imported = {
        name: {other.split(".")[0] for other in all_imports(path)} & above.get(name.split(".")[0], set())
        for name, path in project_modules().items()
    }
    assert not any(imported.values()), offenders(imported)


def test_a_stages_task_holds_nothing_that_another_module_wants():
    """It reads parameters, opens folders, calls the core, writes: no class, and nobody imports from it."""
    stages = {
        name: path
        for name, path in project_modules().items()
        if name.startswith("tasks.") and re.search(r'\brun\(\s*"', path.read_text("utf-8"))
    }
    assert len(stages) == 10
    defined = {
        name: {
            node.name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ClassDef)
        }
        for name, path in stages.items()
    }
    assert not any(defined.values()), offenders(defined)
    imported = {name: all_imports(path) & stages.keys() for name, path in project_modules().items()}
    assert not any(imported.values()), offenders(imported)


def test_torch_is_imported_at_the_top_only_by_encoders_policy_training_and_rollout():
    light = {name: path for name, path in CORE.items() if not name.startswith(MAY_IMPORT_TORCH)}
    imported = {
        name: {other.split(".")[0] for other in imports_on_import(path)} & {"torch", "deepspeed"}
        for name, path in light.items()
    }
    assert not any(imported.values()), offenders(imported)


@pytest.mark.slow
def test_rewards_environment_metrics_data_and_bm25_import_without_torch():
    light = [name for name in CORE if part_of(name) in LIGHT or name == "stepsearch_core.retrieval"]
    light += [name for name in CORE if name.startswith("stepsearch_core.retrieval.bm25")]
    code = (
        f"import importlib, sys\nfor name in {light}: importlib.import_module(name)\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def has_code(path: Path) -> bool:
    """Whether a function of the module does anything: protocols, tables and dataclasses of fields do not."""
    functions = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
    ]
    return any(len(function.body) > (ast.get_docstring(function) is not None) for function in functions)


def test_every_module_of_the_core_with_code_has_a_mirror():
    """`stepsearch_core/rewards/answer.py` has `tests/stepsearch_core/rewards/test_answer.py`."""
    tests = ROOT / "tests" / "stepsearch_core"
    bare = {
        name
        for name, path in CORE.items()
        if has_code(path)
        and not (tests / path.relative_to(ROOT / "stepsearch_core")).with_name(f"test_{path.name}").is_file()
    }
    assert not bare - TESTED_ELSEWHERE.keys(), f"without tests: {sorted(bare - TESTED_ELSEWHERE.keys())}"
    assert not TESTED_ELSEWHERE.keys() - bare, "no exceptions any more"
    assert all((tests / file).is_file() for file in TESTED_ELSEWHERE.values())
