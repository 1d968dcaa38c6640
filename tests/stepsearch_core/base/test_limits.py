from dataclasses import dataclass, field

import pytest

from stepsearch_core.base.limits import number, one_of, problems, share


@dataclass
class Inner:
    rate: float = number(0.5, above=0, at_most=1)
    kinds: list[str] = one_of(("a", "b"), "a", "b")


@dataclass
class Outer:
    free: int = -5
    count: int | None = number(1, at_least=1)
    part: float = share(0.0)
    depths: list[int] = number([2, 3], at_least=1)
    inner: Inner = field(default_factory=Inner)


def test_defaults_and_bounds_that_are_included_are_fine():
    assert problems(Outer()) == []
    assert problems(Outer(count=None, part=1.0, depths=[1], inner=Inner(rate=1, kinds=["b"]))) == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (Outer(count=0), "count: 0 is not at least 1"),
        (Outer(part=1.5), "part: 1.5 is not at least 0 and at most 1"),
        (Outer(depths=[3, 0]), "depths: 0 is not at least 1"),
        (Outer(depths=[]), "depths: empty"),
        (Outer(inner=Inner(rate=0)), "inner.rate: 0 is not above 0 and at most 1"),
        (Outer(inner=Inner(rate=float("nan"))), "inner.rate: nan is not above 0 and at most 1"),
        (Outer(count=float("inf")), "count: inf is not at least 1"),  # type: ignore[arg-type]
        (Outer(inner=Inner(kinds=["a", "c"])), "inner.kinds: 'c' is not one of a, b"),
    ],
)
def test_a_value_out_of_its_limits_is_named(values, problem):
    assert problems(values) == [problem]


def test_lists_are_not_shared_between_instances():
    assert Outer().depths is not Outer().depths


def test_every_value_out_of_its_limits_is_named():
    assert problems(Outer(count=0, depths=[], inner=Inner(rate=2))) == [
        "count: 0 is not at least 1",
        "depths: empty",
        "inner.rate: 2 is not above 0 and at most 1",
    ]
