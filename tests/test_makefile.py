"""The Makefile in a checkout that was moved, and with an index for torch that does not answer; light
environments.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.checkout import copy_checkout

TOY = """
stages:
  only:
    cmd: python -c 'import stepsearch_core; print(stepsearch_core.__file__)' > out
    outs: [out]
"""
CELL = '{"value": 0.25, "low": 0.125, "high": 0.5, "n": 20}'


def command(*arguments, folder: Path, **options) -> subprocess.CompletedProcess:
    """Without this environment's commands and other indexes: what is found is the checkout's own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable}
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, **options)


def light_environment(checkout: Path) -> None:
    """As `make` makes it, but for the packages, which are those of this interpreter; pip writes `stepsearch`
    itself.
    """
    environment = checkout / ".venv"
    command(sys.executable, "-m", "venv", "--without-pip", ".venv", folder=checkout, check=True)
    packages = next(environment.glob("lib/*/site-packages"))
    (packages / "z_light.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages"))
    )
    pip = (
        environment / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
    )
    command(*pip, "--ignore-installed", "--editable", ".", folder=checkout, check=True)
    script = environment / "bin" / "dvc"
    script.write_text(f"#!{environment}/bin/python\nfrom dvc.cli import main\nraise SystemExit(main())\n")
    script.chmod(0o755)
    (environment / ".installed").touch()


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout with results to show and a pipeline of one stage, which says where the code is that it
    imports.
    """
    folder = copy_checkout(tmp_path / "made-here")
    light_environment(folder)
    (folder / "dvc.yaml").write_text(TOY)
    (folder / "dvc.lock").unlink()
    metrics = ", ".join(
        f'"{name}": {CELL}' for name in ("f1", "em", "searches", "redundancy", "support_recall")
    )
    policies = ", ".join(f'"{name}": {{"mean": {{{metrics}}}}}' for name in ("warmstart", "trained", "gain"))
    (folder / "data" / "evaluate").mkdir(parents=True)
    (folder / "data" / "evaluate" / "metrics.json").write_text(f"{{{policies}}}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("place", ["there", "a place with spaces & ümlauts", "l" * 150])
def test_a_moved_checkout_goes_on_in_its_new_place(checkout, place):
    moved = checkout.rename(checkout.with_name(place))
    ran = command("make", "repro", folder=moved)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"relocate: the environment was made at {checkout}/.venv" in ran.stderr
    assert (moved / "out").read_text() == f"{moved}/stepsearch_core/__init__.py\n"
    assert "report: data/report/index.html" in ran.stdout
    activated = command("sh", "-c", ". .venv/bin/activate && stepsearch show && dvc version", folder=moved)
    assert activated.returncode == 0, activated.stderr
    outside = command(
        moved / ".venv" / "bin" / "python", "-c", "import stepsearch_core as s; print(s)", folder=Path("/")
    )
    assert f"{moved}/stepsearch_core" in outside.stdout
    assert "relocate" not in command("make", "repro", folder=moved).stderr


@pytest.mark.slow
def test_a_copied_checkout_leaves_the_original_alone(checkout, tmp_path):
    subprocess.run(["cp", "-r", checkout, tmp_path / "copy"], check=True)
    assert command("make", "repro", folder=tmp_path / "copy").returncode == 0
    assert (tmp_path / "copy" / "out").read_text() == f"{tmp_path}/copy/stepsearch_core/__init__.py\n"
    assert "relocate" not in command("make", "repro", folder=checkout).stderr
    assert (checkout / "out").read_text() == f"{checkout}/stepsearch_core/__init__.py\n"


@pytest.mark.slow
def test_torch_alone_comes_from_its_index_and_is_asked_for_first(tmp_path):
    planned = command(
        "make", "--dry-run", "test", "VENV=none", "TORCH_INDEX=https://x/cpu", folder=copy_checkout(tmp_path)
    )
    torch, rest = [line for line in planned.stdout.splitlines() if "pip install" in line]
    assert torch.startswith(
        'python -m pip install --index-url "https://x/cpu" --retries 1 --timeout 10 "torch>='
    )
    assert rest == 'python -m pip install  --editable ".[cpu,dev]"'


@pytest.mark.slow
def test_an_index_that_cannot_be_reached_ends_it_soon_in_one_line(tmp_path):
    folder, index = copy_checkout(tmp_path), "http://127.0.0.1:9/cpu"
    command(sys.executable, "-m", "venv", ".venv", folder=folder, check=True)
    started = time.monotonic()
    ran = command("make", "repro", f"TORCH_INDEX={index}", "PIP_OPTIONS=--no-index", folder=folder)
    assert ran.returncode != 0
    assert f"no torch from TORCH_INDEX={index}; without TORCH_INDEX it comes with all else\n" in ran.stderr
    # a busy machine; all packages, each asked for, would take longer
    assert time.monotonic() - started < 180
    assert not (folder / ".venv" / ".installed").exists()
