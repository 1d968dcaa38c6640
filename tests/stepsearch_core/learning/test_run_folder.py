import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.run_folder import RunFolder

PARAMETERS = {"train": {"steps": 4}, "seed": 0}
TAKE = """
import sys
from pathlib import Path
from stepsearch_core.learning.run_folder import RunFolder
with RunFolder(Path(sys.argv[1]), {"train": {"steps": 4}, "seed": 0}, []):
    print("taken", flush=True)
    sys.stdin.read()
"""


def write(text):
    """A checkpoint of one file."""

    def checkpoint(folder):
        folder.mkdir()
        (folder / "weights").write_text(text)

    return checkpoint


def taker(root):
    """Another process that takes the folder and holds it until its input ends."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", TAKE, root], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.slow
def test_another_process_cannot_take_a_folder_in_use(tmp_path):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        other = taker(tmp_path)
        _, errors = other.communicate(timeout=120)
        assert other.returncode == 1
        assert (
            f"DataError: {folder.path}: process {os.getpid()} on {socket.gethostname()} is training here"
            in errors
        )
    again = taker(tmp_path)
    assert "taken" in again.communicate(timeout=120)[0]  # free again


@pytest.mark.slow
def test_a_killed_process_leaves_the_folder_free(tmp_path):
    other = taker(tmp_path)
    assert other.stdout.readline() == "taken\n"
    with (
        pytest.raises(DataError, match=f"process {other.pid} on .* is training here"),
        RunFolder(tmp_path, PARAMETERS, []),
    ):
        pass
    other.send_signal(signal.SIGKILL)
    other.communicate(timeout=120)
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        assert (folder.path / "pid").read_text() == f"{os.getpid()} on {socket.gethostname()}"


def test_a_folder_is_named_by_parameters_and_the_content_of_inputs(tmp_path):
    def path(parameters, *inputs):
        return RunFolder(tmp_path / "root", parameters, inputs).path

    file, folder = tmp_path / "train.jsonl", tmp_path / "policy"
    file.write_text("one")
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights").write_text("two")
    first = path(PARAMETERS, file, folder)
    assert path(dict(reversed(PARAMETERS.items())), file, folder) == first
    assert path({**PARAMETERS, "seed": 1}, file, folder) != first
    assert path({**PARAMETERS, "train": {"steps": 5}}, file, folder) != first
    assert path(PARAMETERS, file) != first
    (folder / "deep" / "weights").write_text("three")
    assert path(PARAMETERS, file, folder) != first
    (folder / "deep" / "weights").write_text("two")
    assert path(PARAMETERS, file, folder) == first
    file.write_text("one more")
    assert path(PARAMETERS, file, folder) != first


def test_older_checkpoints_go_only_once_the_new_one_is_in_place(tmp_path):
    rows: list[dict] = [{"step": 0}, {"step": 1, "loss": 0.1}, {"step": 2, "loss": 1 / 3}]
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        assert folder.last_step() == 0
        folder.save(1, write("one"), {"history": rows[:2]})

        def second(temporary):
            assert (folder.checkpoint(1) / "weights").read_text() == "one"
            assert folder.last_step() == 1
            write("two")(temporary)

        folder.save(2, second, {"history": rows, "kept": [{"id": "q"}]})
        assert folder.last_step() == 2
        assert not folder.checkpoint(1).exists()
        assert (folder.checkpoint(2) / "weights").read_text() == "two"
        assert folder.rows(2, "history") == rows  # to the last bit
        assert folder.rows(2, "kept") == [{"id": "q"}]
    assert RunFolder(tmp_path, PARAMETERS, []).last_step() == 2


def test_a_checkpoint_that_fails_midway_leaves_the_last_one(tmp_path):
    def fails(temporary):
        write("half")(temporary)
        raise OSError("disk full")

    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(8, write("eight"), {"history": [{"step": 8}]})
        with pytest.raises(OSError, match="disk full"):
            folder.save(12, fails, {})
        assert folder.last_step() == 8
        assert folder.rows(8, "history") == [{"step": 8}]
        folder.save(12, write("twelve"), {})  # what the failure left is in nobody's way
        assert folder.last_step() == 12


def test_steps_count_as_numbers(tmp_path):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        for step in (9, 10, 1_000_000):
            folder.save(step, write(""), {})
            assert folder.last_step() == step


def test_a_finished_run_leaves_no_checkpoint_to_resume_from(tmp_path):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(4, write("four"), {})
        folder.clear()
        assert folder.last_step() == 0


@pytest.mark.parametrize("remove", ["clear", "save"])
def test_killed_while_it_removes_a_checkpoint_half_of_one_is_never_found(tmp_path, monkeypatch, remove):
    def killed_midway(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            next(path.iterdir()).unlink()
            raise KeyboardInterrupt

    with RunFolder(tmp_path, PARAMETERS, []) as folder:
        folder.save(4, write("four"), {"history": []})
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed_midway)
            with pytest.raises(KeyboardInterrupt):
                folder.clear() if remove == "clear" else folder.save(5, write("five"), {})
        assert folder.last_step() == (0 if remove == "clear" else 5)
        folder.clear()
        assert {path.name for path in folder.path.iterdir()} == {"lock", "pid"}


def test_checkpoints_before_given_steps_stay(tmp_path):
    with RunFolder(tmp_path, PARAMETERS, []) as folder:

        def save(step, *keep_before):
            folder.save(step, write(""), {}, keep_before)
            return sorted(path.name for path in folder.path.glob("step_*"))

        assert save(2, 1) == ["step_000002"]
        assert folder.last_before(2) == 0
        assert folder.last_before(3) == 2
        assert save(4, 3) == ["step_000002", "step_000004"]
        assert save(6, 3, 5) == ["step_000002", "step_000004", "step_000006"]
        assert folder.last_before(6) == 4
        assert save(8, 5) == ["step_000004", "step_000008"]
        assert save(10) == ["step_000010"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_checkpoint_s_files_can_be_read_by_whoever_may_read_its_folder(tmp_path, umask, mode):
    def private(folder):
        folder.mkdir()
        save_file({"a": np.zeros(3)}, folder / "weights.safetensors")  # in mode 600

    before = os.umask(umask)
    try:
        with RunFolder(tmp_path, PARAMETERS, []) as folder:
            folder.save(1, private, {"history": []})
    finally:
        os.umask(before)
    files = [path for path in folder.checkpoint(1).rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_mode & 0o777 for path in files} == dict.fromkeys(
        ("weights.safetensors", "history.jsonl", "manifest.json"), mode
    )
