import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.journal import append, read_journal

ROWS = st.lists(
    st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=9), max_size=3), max_size=4
)


def rows(path):
    return [row for _, row in read_journal(path)]


def test_it_only_grows(tmp_path):
    path = tmp_path / "a" / "history.jsonl"
    append(path, {"n": 1})
    first = path.read_bytes()
    append(path, {"n": "zwei, über"})
    assert path.read_bytes().startswith(first)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"n": 1},
        {"n": "zwei, über"},
    ]


@settings(max_examples=50)
@given(before=ROWS, after=ROWS, data=st.data())
def test_wherever_it_is_cut_whole_lines_stay_and_it_goes_on(tmp_path_factory, before, after, data):
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    for row in before:
        append(path, row)
    content = path.read_bytes() if before else b""
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    ends = [number for number, byte in enumerate(content, start=1) if byte == ord("\n")]
    whole = sum(end <= cut for end in ends)
    whole_but_for_its_end = cut + 1 in ends
    assert rows(path) == before[: whole + whole_but_for_its_end]
    for row in after:
        append(path, row)
    if after:
        assert rows(path) == before[: whole + whole_but_for_its_end] + after
        assert path.read_bytes().endswith(b"\n")


def test_damage_in_another_line_is_named(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_text('{"n": 1}\n{"n": \n{"n": 3')
    with pytest.raises(DataError, match=r"j\.jsonl, line 2"):
        rows(path)
    with pytest.raises(DataError, match="no such file"):
        rows(tmp_path / "none")
    path.write_text('{"n": 1}\n[2]\n')
    with pytest.raises(DataError, match=r"j\.jsonl, line 2: expected an object"):
        rows(path)
