"""Imports run one way, and torch is loaded only by what needs it."""

import graphlib
import subprocess
import sys

import pytest

from tests.import_graph import ROOT, all_imports, imports_on_import, project_modules

LAYERS = (
    ("base", "params", "runtime"),
    ("data", "benchmarks", "fetching", "worlds", "retrieval", "metrics"),
    ("synthesis", "environment", "rewards", "policy"),
    ("sampling", "learning"),
    ("rollout",),
    ("training", "evaluation"),
    ("report", "profiles", "planning", "checking", "cli"),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
CORE = {name: path for name, path in project_modules().items() if name.startswith("stepsearch_core.")}
MAY_IMPORT_TORCH = (
    "stepsearch_core.retrieval.encoders",
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
    "environment",
    "rewards",
    "synthesis",
    "report",
    "cli",
)


def part_of(name: str) -> str:
    """`rewards` of `stepsearch_core.rewards.answer`."""
    return name.split(".")[1]


def core_imports(name: str) -> set[str]:
    """Other parts of the core that a module imports."""
    imported = {part_of(other) for other in all_imports(CORE[name]) if other.startswith("stepsearch_core.")}
    return (imported & LAYER.keys()) - {part_of(name)}


@pytest.mark.parametrize("name", CORE)
def test_a_module_imports_only_its_own_layer_and_those_below(name):
    assert part_of(name) in LAYER, f"{part_of(name)} has no place in LAYERS"
    above = {other for other in core_imports(name) if LAYER[other] > LAYER[part_of(name)]}
    assert not above, f"{name} imports {sorted(above)}"


def test_parts_do_not_import_each_other_in_circles():
    graph: dict[str, set[str]] = {}
    for name in CORE:
        graph.setdefault(part_of(name), set()).update(core_imports(name))
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("name", project_modules())
def test_the_core_knows_no_stage_flow_or_orchestrator_and_stages_know_no_flow(name):
    above = {
        "stepsearch_core": {"tasks", "flows", "dvc", "dvclive", "prefect"},
        "tasks": {"flows", "prefect"},
    }
    imported = {other.split(".")[0] for other in all_imports(project_modules()[name])}
    assert not imported & above.get(name.split(".")[0], set())


@pytest.mark.parametrize("name", CORE)
def test_torch_is_imported_at_the_top_only_by_encoders_policy_training_and_rollout(name):
    if not name.startswith(MAY_IMPORT_TORCH):
        assert not {other.split(".")[0] for other in imports_on_import(CORE[name])} & {"torch", "deepspeed"}


def test_rewards_environment_metrics_data_and_bm25_import_without_torch():
    light = [name for name in CORE if part_of(name) in LIGHT or name == "stepsearch_core.retrieval"]
    light += [name for name in CORE if name.startswith("stepsearch_core.retrieval.bm25")]
    code = (
        f"import importlib, sys\nfor name in {light}: importlib.import_module(name)\nprint('torch' in"
        " sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
