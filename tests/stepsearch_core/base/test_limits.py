from dataclasses import dataclass, replace

import pytest

from stepsearch_core.base.limits import anything, number, one_of, problems, share, such_that


@dataclass
class Inner:
    rate: float = number(above=0, at_most=1)
    kinds: list[str] = one_of("a", "b")


@dataclass
class Outer:
    free: int = anything()
    count: int | None = number(at_least=1)
    part: float = share()
    depths: list[int] = number(at_least=1)
    inner: Inner = anything()


@dataclass
class Even:
    half: int = such_that("even", lambda value: value % 2 == 0)


FINE = Outer(free=-5, count=1, part=0.0, depths=[2, 3], inner=Inner(rate=0.5, kinds=["a", "b"]))


def inner(**changes):
    return replace(FINE.inner, **changes)


def test_a_limit_of_ones_own():
    assert problems(Even(4)) == []
    assert problems(Even(3)) == ["half: 3 is not even"]


def test_bounds_that_are_included_are_fine():
    assert problems(FINE) == []
    assert problems(replace(FINE, count=None, part=1.0, depths=[1], inner=Inner(rate=1, kinds=["b"]))) == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"count": 0}, "count: 0 is not at least 1"),
        ({"part": 1.5}, "part: 1.5 is not at least 0 and at most 1"),
        ({"depths": [3, 0]}, "depths: 0 is not at least 1"),
        ({"depths": []}, "depths: empty"),
        ({"inner": inner(rate=0)}, "inner.rate: 0 is not above 0 and at most 1"),
        ({"inner": inner(rate=float("nan"))}, "inner.rate: nan is not above 0 and at most 1"),
        ({"count": float("inf")}, "count: inf is not at least 1"),
        ({"inner": inner(kinds=["a", "c"])}, "inner.kinds: 'c' is not one of a, b"),
    ],
)
def test_a_value_out_of_its_limits_is_named(values, problem):
    assert problems(replace(FINE, **values)) == [problem]


def test_every_value_out_of_its_limits_is_named():
    assert problems(replace(FINE, count=0, depths=[], inner=inner(rate=2))) == [
        "count: 0 is not at least 1",
        "depths: empty",
        "inner.rate: 2 is not above 0 and at most 1",
    ]
