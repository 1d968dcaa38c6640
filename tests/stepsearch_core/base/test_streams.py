"""Random streams: no two of a run are alike, and nobody makes one elsewhere."""

import ast
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.streams import Name, draws, seed_torch, stream
from tests.import_graph import ROOT, own_sources

STEPS, TRAJECTORIES, MANY = range(1, 31), range(256), range(200)
NUMBERS = {
    Name.SEARCHER: itertools.product(range(1000), range(1, 5)),
    Name.EPOCHS: ((epoch,) for epoch in MANY),
    Name.TRAJECTORIES: itertools.product(STEPS, TRAJECTORIES),
    Name.MINIBATCHES: ((step,) for step in STEPS),
    Name.EVALUATION: itertools.product(range(4), range(500)),
    Name.CASES: ((outcome,) for outcome in range(4)),
    Name.MEASUREMENT: ((number,) for number in MANY),
}
"""Those of a run, of every name that has any."""
MAKERS = {
    "default_rng",
    "Generator",
    "manual_seed",
    "Random",
    "RandomState",
    "SeedSequence",
    "PCG64",
    "seed",
}


def first(name: Name, numbers: tuple[int, ...], seed: int) -> bytes:
    """The first numbers of a stream: 128 bits."""
    return stream(seed, name, *numbers).bytes(16)


@pytest.mark.slow
def test_no_two_streams_of_two_runs_are_alike():
    seeds = (0, 1)
    named = [(name, numbers) for name in Name for numbers in NUMBERS.get(name, [()])]
    drawn = {first(name, numbers, seed) for seed in seeds for name, numbers in named}
    assert len(drawn) == len(seeds) * len(named) > 20_000


def test_nor_are_those_of_the_standard_library_and_torch():
    import torch

    named = [
        (seed, name, *numbers)
        for seed in (0, 1)
        for name in Name
        for numbers in ((), (0,), (1,), (0, 0), (1, 0))
    ]
    assert len({draws(*key).getrandbits(128) for key in named}) == len(named)
    states = set()
    for key in named:
        seed_torch(*key)
        states.add(tuple(torch.randint(2**62, (2,)).tolist()))
    assert len(states) == len(named)


@given(
    st.lists(
        st.tuples(st.integers(0), st.sampled_from(Name), st.lists(st.integers(0), max_size=4)), min_size=2
    )
)
def test_streams_are_alike_only_if_seed_name_and_all_numbers_are(keys):
    different = {(seed, name, tuple(numbers)) for seed, name, numbers in keys}
    assert len({stream(seed, name, *numbers).bytes(16) for seed, name, numbers in different}) == len(
        different
    )
    assert len({draws(seed, name, *numbers).random() for seed, name, numbers in different}) == len(different)


def test_a_stream_begins_anew_each_time():
    one, same = stream(3, Name.EPOCHS, 7), stream(3, Name.EPOCHS, 7)
    assert np.array_equal(one.permutation(50), same.permutation(50))
    assert draws(3, Name.SPLIT).sample(range(50), 50) == draws(3, Name.SPLIT).sample(range(50), 50)


def test_no_name_can_be_mistaken_for_another_with_numbers():
    assert not [name for name in Name if ":" in name or any(letter.isdigit() for letter in name)]


def makers(tree: ast.AST) -> Iterator[int]:
    """Lines that call something that makes or seeds a generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = (
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            )
            if called in MAKERS:
                yield node.lineno


@pytest.mark.slow
def test_nobody_else_makes_or_seeds_a_generator():
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in own_sources()
        if path.name != "streams.py"
        for line in makers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not found
    assert list(makers(ast.parse("np.random.default_rng([0, 1])\ntorch.manual_seed(0)\nRandom(3)"))) == [
        1,
        2,
        3,
    ]


def test_every_name_is_used():
    text = "".join(
        path.read_text(encoding="utf-8")
        for part in ("stepsearch_core", "tasks", "perf")
        for path in (ROOT / part).rglob("*.py")
    )
    assert not [name for name in Name if f"Name.{name.name}" not in text]
