import os
import subprocess
import sys

import pytest

from stepsearch_core.cli import main


@pytest.mark.parametrize("command", [[], ["show"], ["profile"], ["plan"], ["check"]])
def test_help_names_every_command_and_option(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert "usage: stepsearch" in capsys.readouterr().out


@pytest.mark.slow
def test_a_package_that_is_broken_is_one_line(tmp_path):
    (tmp_path / "faiss.py").write_text("raise ImportError('libopenblas.so: no such file')")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "stepsearch_core.cli", "plan", "micro"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == (
        "stepsearch: a package cannot be imported: libopenblas.so: no such file;"
        " `stepsearch doctor` says what to type"
    )
