"""One process alone; what several ranks do with a folder is in `tests/ranks.py`."""

import os
import socket

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.shared_folder import SharedFolder


def test_a_process_alone_is_the_first_rank_and_locks(tmp_path):
    with SharedFolder(tmp_path, {"seed": 0}, []) as folder:
        assert (folder.path / "pid").read_text() == f"{os.getpid()} on {socket.gethostname()}"
        with pytest.raises(DataError, match="is working here"), SharedFolder(tmp_path, {"seed": 0}, []):
            pass
        with SharedFolder(tmp_path, {"seed": 1}, []) as other:
            assert other.path != folder.path
    with SharedFolder(tmp_path, {"seed": 0}, []) as again:
        assert again.path == folder.path
