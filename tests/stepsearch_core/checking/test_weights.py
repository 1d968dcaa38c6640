import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from stepsearch_core.checking.weights import tensor_shapes, weight_problem

TENSORS: dict[str, np.ndarray] = {
    "a.weight": np.zeros((3, 2), np.float32),
    "b.weight": np.ones(4, np.float16),
}


@pytest.fixture
def folder(tmp_path):
    save_file(TENSORS, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def found(folder) -> tuple[str, str]:
    """Place and problem of weights that have one."""
    problem = weight_problem(folder)
    assert problem is not None
    return problem


def test_whole_weights_and_their_shapes(folder):
    assert weight_problem(folder) is None
    assert tensor_shapes(folder) == {"a.weight": [3, 2], "b.weight": [4]}


def test_a_file_that_ends_early_or_late(folder):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x"):
        path.write_bytes(content)
        place, problem = found(folder)
        assert place == str(path)
        assert problem == f"{len(content)} bytes long, but its header says {len(whole)}: a part is missing"


@pytest.mark.parametrize(
    "content", [b"", b"12", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"]
)
def test_no_safetensors_at_all(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    assert "no safetensors file" in found(folder)[1]


def test_parts_named_by_an_index(folder):
    (folder / "model.safetensors").rename(folder / "part-1.safetensors")
    index = {"weight_map": {"a.weight": "part-1.safetensors", "b.weight": "part-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    place, problem = found(folder)
    assert (place, problem) == (
        str(folder / "part-2.safetensors"),
        "missing, though the index of the weights names it",
    )
    save_file(TENSORS, folder / "part-2.safetensors")
    assert weight_problem(folder) is None


def test_older_files_are_only_looked_for(tmp_path):
    assert "no weights" in found(tmp_path)[1]
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    assert weight_problem(tmp_path) is None
