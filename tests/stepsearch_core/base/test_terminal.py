"""The real commands, on terminals that cannot write everything and into pipes that nobody reads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stepsearch_core.base.io import write_json
from stepsearch_core.base.terminal import CLOSED_PIPE, INTERRUPTED, terminal
from tests.import_graph import ROOT
from tests.profiles import whole
from tests.report_data import make_metrics, write_outputs

SHOW = ("-m", "stepsearch_core.cli", "show")
MAINS = ("tasks.report", "flows.train_stepsearch", "flows.reevaluate", "perf", "stepsearch_core.cli")
BARE = {"relocate.py", "trl_grpo.py", "apart.py"}
"""Run with nothing installed, in a peer's environment, or by a process that reads what they write."""


@pytest.fixture
def data(tmp_path):
    write_outputs(tmp_path / "data")
    (tmp_path / "params.yaml").write_text(whole("tiny"), encoding="utf-8")
    return tmp_path


def python(*arguments, cwd, encoding="ascii", **options):
    """Run Python on a terminal of this encoding."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PREFECT_LOGGING_LEVEL": "ERROR"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, stderr=subprocess.PIPE, **options
    )


def into_closed_pipe(*arguments, cwd, **options):
    """The same, into a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return python(*arguments, cwd=cwd, stdout=writer, **options)
    finally:
        os.close(writer)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8"])
def test_the_result_table_is_printed_on_every_terminal(data, encoding):
    done = python(*SHOW, cwd=data, encoding=encoding, stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode(encoding).splitlines()
    assert lines[-1] == "report: data/report/index.html"
    assert re.search(r"−0\.5" if encoding == "utf-8" else r"-0\.5", "\n".join(lines))


@pytest.mark.slow
def test_a_stage_ends_with_its_outputs_on_every_terminal(data):
    metrics = make_metrics()  # a loss is printed with a minus sign
    metrics["gain"]["mean"]["f1"] |= {"value": -0.25, "low": -0.3, "high": -0.2}
    write_json(data / "data" / "evaluate" / "metrics.json", metrics)
    done = python("-m", "tasks.report", cwd=data, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"-0.2" in done.stdout
    assert (data / "data" / "report" / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("command", [SHOW, ("-m", "tasks.report")])
def test_a_pipe_that_is_closed_at_the_end_is_no_error(data, command):
    done = into_closed_pipe(*command, cwd=data)
    assert done.returncode == 0
    assert b"Error" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("buffered", [True, False])
def test_output_that_cannot_be_written_is_one_line_and_no_success(data, buffered):
    with Path("/dev/full").open("w") as full:
        done = python(*(() if buffered else ("-u",)), *SHOW, cwd=data, stdout=full)
    assert (done.returncode, done.stderr) == (os.EX_IOERR, b"output: No space left on device\n")


@pytest.mark.slow
def test_a_file_that_may_not_be_written_is_one_line(data):
    (data / "conf").symlink_to(ROOT / "conf")
    (data / "params.yaml").unlink()
    (data / "params.yaml").mkdir()
    done = python("-m", "stepsearch_core.cli", "profile", "tiny", cwd=data, stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"params.yaml: Is a directory\n")


def test_every_main_runs_in_the_terminals_context():
    paths = [
        path
        for folder in ("tasks", "flows", "perf", "stepsearch_core")
        for path in (ROOT / folder).rglob("*.py")
    ]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' in text and path.name not in BARE:
            # a stage's goes through `tasks.stage.run`
            by_stage = re.search(rf'\n    run\(\s*"{path.stem}",', text)
            assert "@terminal()\ndef main(" in text or by_stage, path


@pytest.mark.slow
@pytest.mark.parametrize("main", MAINS)
def test_every_main_ends_quietly_where_nobody_reads(tmp_path, main):
    done = into_closed_pipe("-m", main, "--help", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_a_pipe_that_closes_in_the_middle_of_work_is_no_success_and_no_network(data):
    code = (
        "from tasks.stage import run\n"
        "run('report', lambda params: [print('x' * 1000, flush=True), open('done', 'w')])\n"
    )
    done = into_closed_pipe("-c", code, cwd=data)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, b"")
    assert not (data / "done").exists()


def test_an_interrupt_ends_a_command_without_a_traceback():
    @terminal()
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == INTERRUPTED


def test_what_colorama_puts_around_stdout_is_undone(data):
    code = (
        "import colorama\n"
        "colorama.init()\n"
        "from stepsearch_core.base.terminal import terminal\n"
        "with terminal():\n"
        "    print(chr(0x2212) + '1')  # a minus sign\n"
    )
    assert python("-c", code, cwd=data, stdout=subprocess.PIPE).stdout == b"-1\n"
    assert into_closed_pipe("-c", code, cwd=data).returncode == 0
