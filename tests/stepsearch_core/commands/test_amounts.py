from argparse import ArgumentTypeError

import pytest

from stepsearch_core.commands.amounts import count, port, seconds


def test_numbers_are_read():
    assert (count("3"), port("0"), port("65535"), seconds("0.5")) == (3, 0, 65_535, 0.5)


@pytest.mark.parametrize(
    ("reads", "text"),
    [
        (count, "0"),
        (count, "2.5"),
        (count, ""),
        (port, "many"),
        (seconds, "0"),
        (seconds, "inf"),
        (seconds, "nan"),
    ],
)
def test_what_is_no_such_number_is_refused(reads, text):
    with pytest.raises(ValueError):
        reads(text)


@pytest.mark.parametrize("text", ["65536", "-1"])
def test_a_port_comes_with_what_is_possible(text):
    with pytest.raises(ArgumentTypeError, match=f"^{text} is not from 0 to 65535$"):
        port(text)
