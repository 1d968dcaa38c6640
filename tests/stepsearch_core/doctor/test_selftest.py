import json

import pytest

from stepsearch_core.doctor.selftest import Status, report, run_trials, summary
from stepsearch_core.doctor.trial import Trial

PARTS = "tests.stepsearch_core"


def trial(name, function, limit=60.0):
    return Trial(name, f"a trial that is {name}", f"doctor.parts:{function}", ("train.zero_stage=3",), limit)


@pytest.mark.slow
def test_a_crash_a_hang_and_an_error_of_one_end_no_other():
    told = []
    trials = [
        trial("aborted", "trial_aborted"),
        trial("hung", "trial_hung", limit=2.0),
        trial("refused", "trial_refused"),
        trial("absent", "trial_absent"),
        trial("sound", "trial_sound"),
    ]
    outcomes = run_trials(trials, told.append, PARTS)
    assert [(outcome.trial.name, outcome.status) for outcome in outcomes] == [
        ("aborted", Status.FAILED),
        ("hung", Status.FAILED),
        ("refused", Status.FAILED),
        ("absent", Status.NOT_HERE),
        ("sound", Status.OK),
    ]
    assert [line.split(" (")[0].split() for line in told] == [
        ["aborted", "failed:", "the", "process", "was", "ended", "by", "SIGABRT"],
        ["hung", "failed:", "not", "done", "after", "2", "s"],
        ["refused", "failed:", "the", "loss", "is", "nan"],
        ["absent", "not", "here:", "no", "GPU"],
        ["sound", "ok:", "overrides", "1,", "gap", "0.0123"],
    ]
    assert summary(outcomes) == "1 ok, 3 failed, 1 not here"
    written = report(outcomes)
    assert json.loads(json.dumps(written)) == written
    assert {"torch", "transformers"} <= written["versions"].keys()
    refused, absent, sound = written["trials"][2:]
    assert (refused["error"], refused["reason"]) == ("TrialError", "the loss is nan")
    assert any("parts.py" in line for line in refused["trace"])
    assert "trace" not in absent
    assert sound["figures"] == {"overrides": 1, "gap": 0.01234}
    assert sound["peak_memory"] > 5_000_000
    folders = {part for line in json.dumps(written).split('"') for part in [line] if part.startswith("/")}
    assert not folders
