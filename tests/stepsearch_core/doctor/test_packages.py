"""Environments that are broken by packages of the tests, with metadata and, where it counts, a module."""

import sys

import pytest

from stepsearch_core.doctor import packages


def said(check, here):
    return [str(finding) for finding in check(here)]


def test_the_environment_of_the_tests_is_sound(machine):
    here = machine()
    for check in (packages.check_pins, packages.check_conflicts):
        assert not [line for line in said(check, here) if line.startswith("error")]


def test_a_version_that_the_project_does_not_take(machine, install):
    install("transformers", "4.50.0")
    (line,) = said(packages.check_pins, machine())
    assert line.startswith("error: transformers: 4.50.0 is installed, the project takes transformers<")
    assert "-> python -m pip install 'transformers<" in line


def test_of_an_extra_counts_what_is_installed(machine, install):
    install("vllm", "0.20.0")
    (line,) = said(packages.check_pins, machine())
    assert line == (
        "warning: vllm: 0.20.0 is installed, the extra gpu takes vllm==0.32.0"
        " -> python -m pip install 'vllm==0.32.0'"
    )


def test_what_is_not_installed(machine, monkeypatch):
    here = machine()
    del here.installed["deepspeed"]
    (line,) = said(packages.check_pins, here)
    assert line.startswith("error: deepspeed: not installed -> python -m pip install 'deepspeed<0.20,>=")
    del here.installed["stepsearch"]
    (line,) = said(packages.check_pins, here)
    assert line.startswith("warning: stepsearch: not installed: it runs from the folder alone")


def test_a_checkout_that_asks_for_more_than_was_installed(machine, tmp_path):
    here = machine()
    wanted = [str(requirement) for requirement in here.extras[""]]
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(f'[project]\nname = "stepsearch"\ndependencies = {wanted}\n')
    assert said(packages.check_installation, here) == []
    pyproject.write_text(f'[project]\nname = "stepsearch"\ndependencies = {[*wanted, "another>=1"]}\n')
    (line,) = said(packages.check_installation, here)
    assert "stepsearch was installed before its requirements changed (another) -> python -m pip" in line
    pyproject.write_text('[project]\nname = "somebody-elses"\n')
    assert said(packages.check_installation, here) == []


def test_dependencies_that_do_not_fit_each_other(machine, install):
    install("peft", "0.19.5", ["numpy>=9", "tqdm", "psutil<1; extra == 'other'", "not-there>=3"])
    here = machine()
    (line,) = said(packages.check_conflicts, here)
    assert line == (
        f"warning: peft: takes numpy>=9, and numpy {here.installed['numpy']} is installed"
        " -> python -m pip install 'numpy>=9'"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kept"), [(0, "faiss-cpu"), (2, "faiss-gpu")])
def test_faiss_twice(machine, install, gpus, count, kept):
    install("faiss-gpu", "1.14.3")
    if count:
        gpus(count)
    (line,) = said(packages.check_faiss, machine())
    assert "faiss-cpu and faiss-gpu are installed, and are one module" in line
    assert "-> python -m pip uninstall --yes faiss-cpu faiss-gpu && python -m pip install" in line
    assert f"--no-deps '{kept}>=" in line


def test_a_faiss_that_ends_its_process(machine, install):
    install("faiss", "1.0", module="import os; os.abort()")
    lines = said(packages.check_faiss, machine())
    assert any("cannot be imported: the process was ended by SIGABRT" in line for line in lines)


def test_a_torch_that_cannot_be_imported(machine, install):
    install("torch", "2.13.0", module="raise OSError('libcudart.so.12: cannot open shared object file')")
    (line,) = said(packages.check_torch, machine())
    assert line.startswith("error: torch: cannot be imported: libcudart.so.12: cannot open shared object")
    assert "-> python -m pip install --force-reinstall 'torch<2.14,>=2.11'" in line


TORCH = """
import sys
__version__ = "2.13.0"
class cuda:
    def init(): raise RuntimeError("The NVIDIA driver on your system is too old (found version 11080)")
    def is_initialized(): return False
class version:
    cuda = {cuda!r}
def get_num_threads(): return 1
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cuda", "driver", "problem", "remedy"),
    [
        (None, "12.8", "2.13.0 is built without CUDA, and there are 2 GPUs", "uninstall --yes torch &&"),
        ("13.0", "12.8", "cannot use the GPUs: The NVIDIA driver on", "takes CUDA 12.8 at most, torch is"),
        ("12.6", "12.8", "cannot use the GPUs: The NVIDIA driver on", "look at nvidia-smi and CUDA_VISIBLE"),
    ],
)
def test_a_torch_that_does_not_use_the_gpus(machine, install, gpus, cuda, driver, problem, remedy):
    install("torch", "2.13.0", module=TORCH.format(cuda=cuda))
    gpus(2, driver)
    line = said(packages.check_torch, machine())[0]
    assert line.startswith(f"error: torch: {problem}")
    assert remedy in line.split("-> ")[1]


def test_without_gpus_neither_is_a_fault(machine, install):
    install("torch", "2.13.0", module=TORCH.format(cuda="12.6"))
    assert said(packages.check_torch, machine()) == []


@pytest.mark.slow
def test_a_package_for_another_torch(machine, install):
    install("torchvision", "0.1", module="raise RuntimeError('operator torchvision::nms does not exist')")
    (line,) = said(packages.check_torch, machine())
    assert line.startswith("error: torchvision: cannot be imported beside torch 2.")
    assert line.endswith(
        "RuntimeError: operator torchvision::nms does not exist -> python -m pip uninstall --yes torchvision"
    )
    assert "torchvision" not in sys.modules
