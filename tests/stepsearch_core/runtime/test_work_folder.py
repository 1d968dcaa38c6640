"""What training adds is in `training/test_run_folder.py`, which also has the tests with other processes."""

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json
from stepsearch_core.runtime.work_folder import WorkFolder


def test_parts_stay_until_they_are_cleared_and_the_folder_can_be_taken_again(tmp_path):
    with WorkFolder(tmp_path, {"a": 1}, []) as work:
        write_json(work.path / "part.json", 1)
        (work.path / "deep").mkdir()
        write_json(work.path / "deep" / "part.json", 2)
    with WorkFolder(tmp_path, {"a": 1}, []) as work:
        assert {path.name for path in work.path.iterdir()} == {"lock", "pid", "part.json", "deep"}
        work.clear()
        assert {path.name for path in work.path.iterdir()} == {"lock", "pid"}
        with pytest.raises(DataError, match="is working here"), WorkFolder(tmp_path, {"a": 1}, []):
            pass
    with WorkFolder(tmp_path, {"a": 1}, []):
        pass


def test_what_python_caches_beside_code_does_not_count(tmp_path):
    (tmp_path / "code" / "__pycache__").mkdir(parents=True)
    (tmp_path / "code" / "a.py").write_text("1")
    before = WorkFolder(tmp_path, {}, [tmp_path / "code"]).path
    (tmp_path / "code" / "__pycache__" / "a.pyc").write_text("2")
    assert WorkFolder(tmp_path, {}, [tmp_path / "code"]).path == before
    (tmp_path / "code" / "a.py").write_text("3")
    assert WorkFolder(tmp_path, {}, [tmp_path / "code"]).path != before
