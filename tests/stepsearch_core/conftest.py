"""A small world; a container with limits of its own; the real vLLM, loaded once for all that need it."""

import os

import pytest

from stepsearch_core.runtime import allowance


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    from tests.small_world import make  # not for tests without it

    return make(tmp_path_factory.mktemp("world"))


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A container on a machine of 32 cores, 16 of which this process may use: call it with its limits."""
    monkeypatch.setattr(allowance, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))
    monkeypatch.setattr(os, "cpu_count", lambda: 32)

    def limit(cpu, memory):
        (tmp_path / "cpu.max").write_text(f"{cpu}\n")
        (tmp_path / "memory.max").write_text(f"{memory}\n")

    return limit


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    from tests.vllm_parts import FIRST, WORD, loaded  # not for tests without torch

    return loaded(FIRST, WORD, tmp_path_factory.mktemp("vllm") / "policy")


@pytest.fixture
def engine(shared):
    """With the first model's weights and an empty cache."""
    from tests.vllm_parts import FIRST

    shared.update(FIRST)
    shared.temperature = 0.6
    return shared


@pytest.fixture
def cached(engine, monkeypatch):
    """How many of its tokens each finished turn found in the cache, in the order in which they finished."""
    found = []
    plain_step = engine._vllm.step

    def step():
        ended = plain_step()
        found.extend(output.num_cached_tokens for output in ended)
        return ended

    monkeypatch.setattr(engine._vllm, "step", step)
    return found
