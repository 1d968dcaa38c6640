import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.account import SHOWN, Account


def bad(line, field="id"):
    return DataError("missing", "a.jsonl", line, field)


def test_without_a_limit_the_first_bad_row_is_the_error():
    error = bad(2)
    with pytest.raises(DataError) as raised:
        Account("a.jsonl").drop(error)
    assert raised.value is error


def test_rows_within_the_limit_are_named_with_their_place():
    account = Account("a.jsonl", limit=2)
    account.drop(bad(2))
    account.drop(DataError("not JSON", "a.jsonl", 5))
    assert account.rows() == [
        {"place": "line 2", "field": "id", "reason": "missing"},
        {"place": "line 5", "field": None, "reason": "not JSON"},
    ]
    account.close(kept=1)


def test_places_in_a_folder_are_named_below_it():
    account = Account("docs", limit=2)
    account.drop(DataError("not JSON", "docs/a/b.jsonl", 5))
    account.drop(DataError("holds no text", "docs/c.txt"))
    assert [row["place"] for row in account.rows()] == ["a/b.jsonl, line 5", "c.txt"]


def test_beyond_the_limit_the_first_ones_are_repeated():
    account = Account("a.jsonl", limit=SHOWN)
    for line in range(1, SHOWN + 1):
        account.drop(bad(line))
    with pytest.raises(DataError) as raised:
        account.drop(DataError("not JSON", "a.jsonl", 9))
    assert str(raised.value) == (
        "a.jsonl: more than 3 rows, which fetch.max_dropped_rows allows, cannot be read; the first: line 1:"
        " field 'id': missing; line 2: field 'id': missing; line 3: field 'id': missing"
    )


def test_a_file_without_a_good_row_is_refused():
    account = Account("a.jsonl", limit=9)
    account.drop(DataError("not JSON", "a.jsonl", 1))
    with pytest.raises(DataError, match=r"^a\.jsonl: no row can be read; the first: line 1: not JSON$"):
        account.close(kept=0)
    Account("a.jsonl").close(kept=0)  # nothing was dropped: it is for others to say that it is empty
