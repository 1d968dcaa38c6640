"""Two launchers of one rank each, as on two machines, over loopback: what the documentation prints, typed.

Slurm is not here: `srun` and `scontrol` are stand-ins that start the command twice and name this machine.
"""

import filecmp
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.checkout import dvc, profile, run, stages_run
from tests.import_graph import ROOT

pytestmark = pytest.mark.slow

SHORT = ("micro", "train.processes=2", "train.steps=2", "evaluate.questions=5")
SRUN = """#!/bin/sh
test "$1 $2" = "--cpus-per-task 1" || exit
shift 2
"$@" &
first=$!
"$@" || exit
wait $first
"""
SCONTROL = "#!/bin/sh\necho localhost\n"
[SECOND_COMMAND] = re.findall(
    r"^torchrun .*?(?=\s*#|$)", (ROOT / "docs/engines.md").read_text(), re.MULTILINE
)
[JOB] = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/engines.md").read_text(), re.MULTILINE | re.DOTALL)


def environment(**more):
    """Of a launcher: nothing asks for this machine's name, and its commands are first on PATH."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TQDM_DISABLE": "1",
        "STEPSEARCH_CHECK": "off",
        "GLOO_SOCKET_IFNAME": "lo",
        "PET_LOCAL_ADDR": "localhost",
        **more,
    }


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def start(folder: Path, command: list[str]) -> subprocess.Popen:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=pipe, stdout=pipe, text=True)


def torchrun(port: int, *module: str) -> list[str]:
    """The command for each of two machines, with a GPU each and this machine as the first."""
    words = shlex.split(SECOND_COMMAND.replace("FIRST:29500", f"localhost:{port}"))
    words[words.index("--nproc-per-node") + 1] = "1"
    return [*words[: words.index("-m")], "-m", *module] if module else words


def differing(one: Path, other: Path) -> list[str]:
    """The files that are not the same in two folders."""
    names = {
        path.relative_to(folder).as_posix()
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return sorted(set(names) - set(filecmp.cmpfiles(one, other, names, shallow=False)[0]))


@pytest.fixture(scope="module")
def alone(micro, tmp_path_factory) -> Path:
    """A checkout in which two ranks of one launcher have trained."""
    folder = Path(shutil.copytree(micro, tmp_path_factory.mktemp("alone") / "checkout", symlinks=True))
    profile(folder, *SHORT)
    run(folder, "tasks.train")
    return folder


@pytest.fixture
def checkout(micro, tmp_path) -> Path:
    folder = Path(shutil.copytree(micro, tmp_path / "checkout", symlinks=True))
    profile(folder, *SHORT)
    return folder


@pytest.mark.nightly
def test_the_slurm_job_trains_as_one_launcher_does_and_dvc_goes_on(alone, checkout, tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "activate").touch()
    (checkout / "data" / "train" / "of_an_earlier_run").touch()
    slurm = {"SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n"}
    slurm["SLURM_CPUS_PER_TASK"] = "1"
    variables = environment(**slurm)
    done = subprocess.run(
        ["bash", "-c", JOB.replace("29500", str(free_port()))],
        cwd=checkout,
        env=variables | {"PATH": f"{commands}{os.pathsep}{variables['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert stages_run(done.stdout) == ["evaluate", "report"]
    assert done.stderr.count("train: finished") == 1
    assert differing(alone / "data" / "train", checkout / "data" / "train") == []
    assert "up to date" in dvc(checkout, "status")


@pytest.mark.nightly
def test_deepspeeds_launcher_trains_as_torchs_does(alone, checkout):
    port = f"--master_port={free_port()}"
    started = start(checkout, ["deepspeed", port, "--num_gpus", "2", "--module", "tasks.train"])
    _, errors = started.communicate(timeout=600)
    assert started.returncode == 0, errors
    assert differing(alone / "data" / "train", checkout / "data" / "train") == []


def test_machines_that_disagree_say_about_what_and_nothing_is_trained(checkout, tmp_path):
    other = Path(shutil.copytree(checkout, tmp_path / "other", symlinks=True))
    profile(other, *SHORT, "train.learning_rate=0.5")
    with (other / "data" / "synthesize" / "train.jsonl").open("a") as file:
        file.write("{}\n")
    (other / "data" / "index" / "manifest.json").unlink()
    before = (checkout / "data" / "train" / "metrics.jsonl").read_bytes()
    command = torchrun(free_port())
    assert command[-1] == "tasks.train"
    started = [start(folder, command) for folder in (checkout, other)]
    for process in started:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 1
        [said] = re.findall(r"^train: rank \d: .*$", errors, re.MULTILINE)
        assert re.search(r"train\.learning_rate is 0\.\d+ on rank 0 \(\S+\), 0\.\d+ on rank 1", said)
        assert re.search(r"data/synthesize/train\.jsonl is \w{12} \(SHA-256\) on rank 0 .*, \w{12} ", said)
        assert re.search(r"data/index/manifest\.json is (missing|\w{12}) .* rank 0 .* rank 1", said)
        assert said.count(" is ") == 3
    assert (checkout / "data" / "train" / "metrics.jsonl").read_bytes() == before


def test_a_rank_that_is_ended_ends_those_of_the_other_machine():
    command = torchrun(free_port(), "tests.launched", "meets")
    first, second = (start(ROOT, command) for _ in range(2))
    ranks = [psutil.Process(int(process.stdout.readline())) for process in (first, second)]
    ranks[0].terminate()
    for process in (first, second):
        _, errors = process.communicate(timeout=400)
        assert process.returncode == 1
    # the first launcher keeps the meeting point, and may be gone before the other's rank has said its line
    assert re.search(r"another rank has ended, and says why|RendezvousConnectionError", errors)
    assert not any(rank.is_running() and rank.status() != psutil.STATUS_ZOMBIE for rank in ranks)
