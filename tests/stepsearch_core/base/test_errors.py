import errno
import os
import pickle
from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError, DiskFullError, naming_full_disk, refuse


def test_a_message_names_file_line_and_field_where_they_are_known():
    whole = DataError("missing", "a.jsonl", 3, "id")
    assert str(whole) == "a.jsonl, line 3: field 'id': missing"
    assert (whole.place, whole.field, whole.problem) == ("a.jsonl, line 3", "id", "missing")
    assert str(DataError("no rows", Path("a.json"))) == "a.json: no rows"


@pytest.mark.parametrize(
    "error", [DataError("bad", "a.json", 3, "id"), DiskFullError(Path("b"), "no space")]
)
def test_errors_reach_other_processes_whole(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_refusing_is_raising():
    error = DataError("bad", "a.json")
    with pytest.raises(DataError) as raised:
        refuse(error)
    assert raised.value is error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
        ValueError("4096 requested and 12 written"),  # NumPy
        RuntimeError("[enforce fail at inline_container.cc:626] . unexpected pos 64 vs 0"),  # torch
    ],
)
def test_no_space_is_one_error_whoever_says_it(error):
    said = r"^out: could not be written, the disk is full or a limit is reached: "
    with pytest.raises(DiskFullError, match=said), naming_full_disk("out"):
        raise error


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "denied"), RuntimeError("no"), DataError("File too large", "x")]
)
def test_another_error_stays_what_it_is(error):
    with pytest.raises(type(error)) as raised, naming_full_disk("out"):
        raise error
    assert raised.value is error


def test_of_a_folder_the_file_is_named_by_its_final_place(tmp_path):
    temporary = tmp_path / ".out.tmp"
    for written, named in (("deep/a.json", tmp_path / "out/deep/a.json"), ("/b", Path("/b"))):
        with pytest.raises(DiskFullError) as raised, naming_full_disk(tmp_path / "out", temporary):
            raise DiskFullError(temporary / written, "no space")
        assert raised.value.path == named
