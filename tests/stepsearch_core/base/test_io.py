import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import (
    atomic_folder,
    atomic_write,
    read_object,
    write_array,
    write_json,
    write_jsonl,
)
from tests.import_graph import ROOT

# One process imports everything and forks a writer for each case, whose file may hold 50,000 bytes;
# FOLDER/NAME-OLD says how it ended.
LIMITED = """
import itertools, os, resource, sys
from pathlib import Path
import faiss, numpy as np, torch
from stepsearch_core.base.errors import naming_full_disk
from stepsearch_core.base.io import atomic_folder, write_array, write_json, write_jsonl
folder = Path(sys.argv[1])
def faiss_index(path):
    from stepsearch_core.base.io import atomic_write
    index = faiss.IndexFlatIP(64)
    index.add(np.ones((1000, 64), dtype=np.float32))
    with atomic_write(path, "wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
def model(path):
    from safetensors.numpy import save_file
    with atomic_folder(path) as temporary:
        save_file({"a": np.zeros(10_000)}, temporary / "model.safetensors")
def corpus(path):
    from stepsearch_core.data.corpus import build_corpus
    from stepsearch_core.base.types import Passage
    build_corpus((Passage("", str(n), "x" * 1000) for n in range(100)), path)
def checkpoint(path):
    with atomic_folder(path) as temporary:
        torch.save(torch.zeros(100_000), temporary / "weights.pt")
def nested(path):
    with atomic_folder(path) as temporary:
        with atomic_folder(temporary / "deep") as deep:
            write_json(deep / "a.json", ["x" * 100_000])
writers = {
    "array": lambda path: write_array(path, np.zeros(100_000)),
    "json": lambda path: write_json(path, ["x" * 100_000]),
    "lines": lambda path: write_jsonl(path, ({"a": "x" * 100} for _ in range(1000))),
    "faiss": faiss_index, "model": model, "corpus": corpus, "checkpoint": checkpoint, "nested": nested,
}
for name, old in itertools.product(writers, ("new", "replaced")):
    (folder / name / old).mkdir(parents=True)
    if old == "replaced":
        (folder / name / old / "out").write_text("before")
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            writers[name](folder / name / old / "out")
        except Exception as error:
            (folder / f"{name}-{old}").write_text(f"{type(error).__name__}: {error}")
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def without_space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limited")
    subprocess.run([sys.executable, "-c", LIMITED, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("old", ["new", "replaced"])
@pytest.mark.parametrize(
    ("writer", "named"),
    [(name, "out") for name in ("array", "json", "lines", "faiss", "model", "corpus", "checkpoint")]
    + [("nested", "out/deep/a.json")],
)
def test_without_space_a_file_is_named_and_what_was_there_stays(without_space, writer, named, old):
    """A real limit on the size of files, which writers of every library run into."""
    folder = without_space / writer / old
    said = (without_space / f"{writer}-{old}").read_text()
    problem = "could not be written, the disk is full or a limit is reached"
    assert said.startswith(f"DiskFullError: {folder / named}: {problem}")
    assert [path.name for path in folder.iterdir()] == (["out"] if old == "replaced" else [])
    if old == "replaced":
        assert (folder / "out").read_text() == "before"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_full_device_is_named(tmp_path):
    (tmp_path / "out").symlink_to("/dev/full")  # a device without space, written through, never renamed over
    with (
        pytest.raises(
            DataError, match=rf"^{tmp_path}/report: .* the disk is full .*: No space left on device$"
        ),
        atomic_folder(tmp_path / "report"),
        (tmp_path / "out").open("w") as file,
    ):
        file.write("x")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(OSError, match="cable") as caught, atomic_write(tmp_path / "a"):
        raise OSError("cable")
    assert not isinstance(caught.value, DataError)
    problem = DataError("the title 'No space left on device' occurs twice", "corpus.jsonl", 3)
    with pytest.raises(DataError) as kept, atomic_folder(tmp_path / "b"):
        raise problem
    assert kept.value is problem
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_goes_and_what_living_ones_write_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for owner in (dead.pid, os.getppid()):
        (tmp_path / f".out.{owner}.tmp").mkdir()
        (tmp_path / f".a.json.{owner}.tmp").write_text("half")
    with atomic_folder(tmp_path / "out") as folder:
        write_json(folder / "b.json", 1)
    write_json(tmp_path / "a.json", 2)
    living = {f".out.{os.getppid()}.tmp", f".a.json.{os.getppid()}.tmp"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", "a.json"} | living


def test_arrays_and_lines_come_back(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_array(tmp_path / "a.npy", array)
    assert np.array_equal(np.load(tmp_path / "a.npy"), array)
    assert write_jsonl(tmp_path / "a.jsonl", [{"a": "é"}, {}]) == 2
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == '{"a": "é"}\n{}\n'


def test_an_object_has_its_fields(tmp_path):
    write_json(tmp_path / "a.json", {"hash": "0f"})
    assert read_object(tmp_path / "a.json", ["hash"]) == {"hash": "0f"}
    with pytest.raises(DataError, match=r"a\.json: field 'rows': missing"):
        read_object(tmp_path / "a.json", ["hash", "rows"])
    write_json(tmp_path / "a.json", [])
    with pytest.raises(DataError, match=r"a\.json: expected an object, found list"):
        read_object(tmp_path / "a.json")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_object(tmp_path)


def private_parts(folder):
    """A file and a folder as libraries make them that write under a temporary name first: for their owner
    alone.
    """
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    deep = Path(tempfile.mkdtemp(dir=folder))
    Path(name).replace(deep / "weights")
    save_file({"a": np.zeros(3)}, folder / "model.safetensors")


def modes(folder):
    """Of a folder and of all in it, folders first."""
    found = {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if path.is_dir()}
    return found, {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("umask", "expected"), [(0o022, (0o755, 0o644)), (0o027, (0o750, 0o640))])
def test_whoever_may_read_a_folder_may_read_all_in_it(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        private_parts(tmp_path)
        assert 0o600 in modes(tmp_path)[1]  # there is something to mend
        with atomic_folder(tmp_path / "out") as folder:
            private_parts(folder)
            with atomic_folder(folder / "nested") as nested:
                private_parts(nested)
            write_array(folder / "array.npy", np.zeros(3))
            write_json(folder / "file.json", 1)
    finally:
        os.umask(before)
    assert modes(tmp_path / "out") == ({expected[0]}, {expected[1]})
