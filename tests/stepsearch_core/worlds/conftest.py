"""Worlds at two sizes: `micro_world(seed)` in a fraction of a second, `default_world` once a session."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from stepsearch_core.params import WorldParams
from stepsearch_core.worlds.facts import World, build_world
from stepsearch_core.worlds.questions import Split, make_questions

MICRO = WorldParams(
    people=60, works=60, organisations=24, cities=24, countries=8, train_questions=200, test_questions=20
)


@pytest.fixture(scope="session")
def micro_params() -> WorldParams:
    return MICRO


@pytest.fixture(scope="session")
def micro_world() -> Callable[[int], tuple[World, Split]]:
    @cache
    def build(seed: int) -> tuple[World, Split]:
        params = replace(MICRO, seed=seed)
        world = build_world(params)
        return world, make_questions(world, params)

    return build


@pytest.fixture(scope="session")
def default_world() -> tuple[World, Split]:
    world = build_world(WorldParams())
    return world, make_questions(world, WorldParams())


@pytest.fixture(scope="session")
def micro_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    from stepsearch_core.worlds import write_world

    @cache
    def write(seed: int) -> Path:
        folder = tmp_path_factory.mktemp(f"world{seed}")
        write_world(replace(MICRO, seed=seed), folder)
        return folder

    return write
