"""A machine that the doctor looks at: this one, with packages, tools and variables put before its own."""

import pytest

from stepsearch_core.doctor.here import Here
from stepsearch_core.profiles import activate
from tests.import_graph import ROOT


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The working folder is empty; `machine()` opens what is there, and ends it with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    opened = []

    def open_here(params=tmp_path / "params.yaml", data=tmp_path / "data"):
        opened.append(Here(params, data))
        return opened[-1]

    yield open_here
    for here in opened:
        here.__exit__()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a package before those that are installed: its metadata, and a module if one is given."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))  # for processes that are started

    def put(name, version, requires=(), module=None):
        metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (metadata / "METADATA").write_text("\n".join(lines) + "\n")
        if module is not None:
            (folder / f"{name}.py").write_text(module)

    return put


@pytest.fixture
def gpus(tmp_path, monkeypatch):
    """Puts a tool onto the path that lists so many GPUs."""

    def place(count, cuda="12.8"):
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        rows = "; ".join(["echo 'NVIDIA H200, 143771, 570.86.15'"] * count)
        names = "; ".join(["echo 'GPU 0: NVIDIA H200'"] * count)
        tool.write_text(
            f'#!/bin/sh\ncase "$1" in\n--query*) {rows};;\n--list*) {names};;\n'
            f"*) echo 'CUDA Version: {cuda}';;\nesac\n"
        )
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tool.parent), prepend=":")

    return place


@pytest.fixture
def micro_params(tmp_path):
    """Makes the profile micro with overrides the active one; returns its file."""

    def write(*overrides):
        activate("micro", overrides, ROOT / "conf", tmp_path / "params.yaml")
        return tmp_path / "params.yaml"

    return write
