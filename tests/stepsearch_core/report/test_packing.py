import base64
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.report.packing import FIRST, pack, pack_within

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def unpack(packed):
    return json.loads(gzip.decompress(base64.b64decode(packed)))


@settings(max_examples=30)
@given(VALUES)
def test_what_is_packed_comes_out_again(value):
    assert unpack(pack(value)) == value


@given(st.text())
def test_no_text_can_close_an_element(text):
    assert set(pack([text, "</script>", "<!--", "-->"])).isdisjoint("<>&\"'")


def test_equal_values_are_packed_alike():
    assert pack({"a": [1.5, "ü"]}) == pack({"a": (1.5, "ü")})


def test_numbers_that_json_has_not_are_null():
    assert unpack(pack([float("nan"), {"kl": float("inf")}, (1.0, -float("inf"))])) == [
        None,
        {"kl": None},
        [1.0, None],
    ]


def items_of(size):
    """Chunks as long as `size` says of so many items."""
    return lambda count: {"passages": "p" * 10, "rows": "r" * size(count)}


@pytest.mark.parametrize(
    ("count", "limit", "taken"),
    [
        (3, 1000, 3),  # all fit
        (1000, 10_200, 1000),
        (FIRST, 330, 32),  # fewer than are tried first
        (3, 19, 0),  # not even one
        (3, 0, 0),
        (0, 1000, 0),
    ],
)
def test_as_many_are_taken_as_fit(count, limit, taken):
    number, chunks = pack_within(count, items_of(lambda number: 10 * number), limit)
    assert (number, bool(chunks)) == (taken, bool(taken))
    assert sum(map(len, chunks.values())) <= limit


def test_what_is_left_of_the_limit_is_little():
    number, chunks = pack_within(100_000, items_of(lambda count: 1_000 + 10 * count), 50_000)
    assert 0.95 * 4_899 < number <= 4_899
    assert sum(map(len, chunks.values())) == 1_010 + 10 * number


@given(st.lists(st.integers(0, 500), max_size=200), st.integers(0, 20_000))
def test_the_limit_holds_whatever_the_sizes(sizes, limit):
    number, chunks = pack_within(len(sizes), items_of(lambda count: sum(sizes[:count])), limit)
    assert sum(map(len, chunks.values())) <= limit
    if sum(sizes) + 10 <= limit and len(sizes) <= FIRST:
        assert number == len(sizes)
