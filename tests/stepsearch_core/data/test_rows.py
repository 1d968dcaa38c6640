import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.rows import read_rows


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", '{"a": 1}\n\n{"a": 2}\n', "a.jsonl, line 3"),
        ("a.json", '[{"a": 1}, {"a": 2}]', "a.json, row 1"),
        ("a.csv", 'a,b\n"1\n1",2\n3,4\n', "a.csv, line 4"),
    ],
)
def test_places_are_lines_or_records(tmp_path, name, content, place):
    (tmp_path / name).write_text(content)
    assert [row.place for row in read_rows(tmp_path / name)][1] == str(tmp_path / place)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl", b"", "no rows"),
        ("a.jsonl", b"\n\n", "no rows"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2: not JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xe9"}\n', "line 2: not UTF-8"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2: expected an object, found list"),
        ("a.jsonl", b'{"a": %s}\n' % (b"9" * 5000), "line 1: not JSON"),
        ("a.jsonl", b'{"a": %s}\n' % (b"[" * 100_000), "line 1: not JSON"),
        ("a.json", b"", "no rows"),
        ("a.json", b"[]", "no rows"),
        ("a.json", b'{\n "a": 1\n}', "line 1: not JSON"),
        ("a.jsonl", b'[{"a": 1}, 2]', "row 1: expected an object, found int"),
        ("a.jsonl", '{"a": 1}\n'.encode("utf-16"), ": UTF-16 or UTF-32 text"),
        ("a.json", '[{"a": 1}]'.encode("utf-16-le"), ": UTF-16 or UTF-32 text"),
        ("a.csv", "Question,Answer\na,b\n".encode("utf-32"), ": UTF-16 or UTF-32 text"),
        ("a.jsonl.gz", b"", r"unknown kind of file '\.gz' .*unpack it first"),
        ("a.json", b'[{"a": 1}, 2]', "row 1: expected an object, found int"),
        ("a.json", '[{"a": "é"}]'.encode("latin-1"), "not UTF-8"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.csv", b"", "no rows"),
        ("a.csv", b"Question,Answer\n", "no rows"),
        ("a.csv", b"Question,Answer\na,b\nc\n", "line 3: expected 2 columns"),
        ("a.csv", b"Question,Answer\na,b,c\n", "line 2: expected 2 columns"),
        ("a.csv", b'Question,Answer\n"a"b,c\n', "line 1: not CSV"),
        ("a.csv", "Question,Answer\né,b\n".encode("latin-1"), "not UTF-8"),
        ("a.txt", b"a", "unknown kind of file"),
    ],
)
def test_damaged_files(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        list(read_rows(tmp_path / name))
    assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv"])
def test_missing_files(tmp_path, name):
    with pytest.raises(DataError, match="no such file"):
        list(read_rows(tmp_path / name))


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\ufeff\n", "\n\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n \n"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.json", ['[{"a": "b", "c": "d"},', '{"a": "e", "c": "f"}]']),
        ("a.jsonl", ['{"a": "b", "c": "d"}', '{"a": "e", "c": "f"}']),
        ("a.json", ['{"a": "b", "c": "d"}', '{"a": "e", "c": "f"}']),
        ("a.jsonl", ['[{"a": "b", "c": "d"},', '{"a": "e", "c": "f"}]']),
        ("a.csv", ["a,c", "b,d", "e,f"]),
    ],
)
def test_marks_line_ends_and_blank_lines_are_no_part_of_the_records(tmp_path, name, lines, start, ends, end):
    if name == "a.csv":
        start, end = start.replace("\n", ""), end.replace(" ", "")
    (tmp_path / name).write_bytes((start + "\n".join(lines) + end).replace("\n", ends).encode())
    assert [row.value for row in read_rows(tmp_path / name)] == [{"a": "b", "c": "d"}, {"a": "e", "c": "f"}]


@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n{"a": 2}\n[1]\n"\xff"\n', ["line 2", "line 4", "line 5"]),
        ("a.json", b'[{"a": 1}, 7, {"a": 2}]', ["row 1"]),
        ("a.csv", b"a\n1\n1,2\n2\n", ["line 3"]),
    ],
)
def test_what_is_refused_may_be_left_out(tmp_path, name, content, refused):
    (tmp_path / name).write_bytes(content)
    errors: list[DataError] = []
    assert [int(row.value["a"]) for row in read_rows(tmp_path / name, errors.append)] == [1, 2]
    assert [error.place for error in errors] == [f"{tmp_path / name}, {place}" for place in refused]
