"""The command as a whole: everything at once, in time, without a network."""

import os
import subprocess
import sys
import time

import pytest

from stepsearch_core.base.io import write_jsonl
from stepsearch_core.checking import check as checking
from stepsearch_core.checking.finding import Finding, Severity, summary, worst_first
from stepsearch_core.params.stages import LOOKED_AT
from tests.import_graph import ROOT
from tests.profiles import NAMES

NO_NETWORK = """
import socket, sys
def refuse(*arguments): raise AssertionError(f"the network was asked: {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from stepsearch_core.cli import main
main(["check", *sys.argv[1:]])
"""


def test_all_broken_parameters_are_said_at_once_each_with_its_line(look):
    seen = look("train.kl_estimator=k1", "model.heads=3")
    assert seen.status == 1
    assert [line.split(": ")[2] for line in seen.findings] == [
        "model.hidden_size",
        "model.heads",
        "train.kl_estimator",
    ]
    lines = (ROOT / "conf" / "micro.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if text.startswith("  hidden_size:"))
    assert f"{ROOT / 'conf' / 'micro.yaml'}, line {line}: model.hidden_size" in seen.findings[0]
    assert "override model.heads=3" in seen.findings[1]
    assert seen.total.startswith(f"{ROOT / 'conf' / 'micro.yaml'}: 3 errors, 0 warnings, 0 notes (")


@pytest.mark.parametrize("override", ["train.stepz=1", "train.steps=many", "train.steps"])
def test_parameters_that_cannot_be_read_are_one_finding(look, override):
    seen = look(override if "=" in override else f"{override}=")
    assert seen.status == 1
    assert len(seen.findings) == 1


def test_a_profile_by_name_and_one_that_is_not_there(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        checking_main("micro", "train.steps=2")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("conf/micro.yaml: 0 errors")
    with pytest.raises(SystemExit, match="no profile 'huge'"):
        checking_main("huge")


def checking_main(*arguments):
    from stepsearch_core.cli import main

    main(["check", *arguments])


def test_a_check_that_fails_keeps_nothing_from_running(look, monkeypatch):
    def broken(subject):
        yield from ()
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(checking, "CHECKS", (("evaluate", broken),))
    (finding,) = checking.check(ROOT / "conf" / "micro.yaml")
    assert finding.severity is Severity.WARNING
    assert finding.problem == "broken failed: RuntimeError: a mistake of ours"


def test_a_check_that_fails_on_what_is_broken_adds_nothing(look, monkeypatch):
    def breaks(subject):
        yield subject.error("train.steps", "broken", "mend it")
        raise RuntimeError("what came after")

    def stumbles(subject):
        raise RuntimeError("over what is broken")

    monkeypatch.setattr(checking, "CHECKS", (("evaluate", stumbles), ("evaluate", breaks)))
    (finding,) = checking.check(ROOT / "conf" / "micro.yaml")
    assert (finding.severity, finding.problem) == (Severity.ERROR, "broken")


def test_findings_are_sorted_and_counted():
    findings = [
        Finding(Severity(kind), "f", "x", kind, "") for kind in ("note", "error", "warning", "error")
    ]
    assert [finding.severity for finding in worst_first(findings)] == ["error", "warning", "note"]
    assert summary(findings) == "2 errors, 1 warning, 1 note"


def test_every_check_belongs_to_a_stage_and_stages_look_before_them():
    assert {last for last, _ in checking.CHECKS} <= set(LOOKED_AT)
    assert len({one for _, one in checking.CHECKS}) == len(checking.CHECKS)


def of_ones_own(folder):
    """What README says that the profile `own` reads."""
    (folder / "texts").mkdir()
    (folder / "texts" / "report.txt").write_text("Ada wrote the report. " * 40)
    for name in ("train", "test"):
        rows = [{"question": f"Who wrote report {n} to {name}?", "answer": "Ada"} for n in range(40)]
        write_jsonl(folder / f"{name}.jsonl", rows)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("profile", NAMES)
def test_each_profile_in_ten_seconds_of_this_process_without_a_network(profile, request):
    overrides = []
    if profile in ("musique_local", "smollm"):
        overrides = [f"fetch.folder={request.getfixturevalue('real_data')}"]
    if profile == "own":
        overrides = [f"fetch.folder={of_ones_own(request.getfixturevalue('tmp_path'))}"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", NO_NETWORK, profile, *overrides]
    before = os.times()
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    seconds, after = time.perf_counter() - started, os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    assert "Traceback" not in done.stderr
    assert "failed:" not in done.stdout
    # a machine may be too small for a profile, or have no vLLM
    here = (": hardware.", ": rollout.engine: vLLM is not installed")
    errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert not [line for line in errors if not any(part in line for part in here)], done.stdout
    assert min(seconds, worked) < 10, (seconds, worked)  # of a busy machine other processes have the rest


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("warmstart.epochs=.inf", "override warmstart.epochs=.inf: warmstart.epochs: "),
        ("train=5", "override train=5: train: "),
        ("train..steps=5", "conf/micro.yaml: override 'train..steps=5': "),
    ],
)
def test_values_of_a_wrong_type_have_a_place(override, place):
    (finding,) = checking.check(ROOT / "conf" / "micro.yaml", [override])
    assert str(finding).removeprefix("error: ").removeprefix(f"{ROOT}/").startswith(place)


def test_a_value_of_a_wrong_type_has_a_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("base: defaults\ntrain:\n  steps: many\n")
    (finding,) = checking.check(path)
    assert (finding.place, finding.field) == (f"{path}, line 3", "train.steps")
    path.write_bytes("base: defaults\nreport:\n  title: é\n".encode("latin-1"))
    (finding,) = checking.check(path)
    assert str(finding).startswith(f"error: {path}, line 3: not UTF-8 text")
