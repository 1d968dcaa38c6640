from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.doctor import examine as examining
from stepsearch_core.doctor.examine import Examination, examine


def test_a_look_that_fails_keeps_no_other_from_its_findings(machine, install, tmp_path, monkeypatch):
    def stumbles(here):
        yield Finding(Severity.NOTE, "a place", "", "a note", "")
        raise RuntimeError("a mistake of ours")

    def finds(here):
        yield Finding(Severity.ERROR, "another", "", "an error", "mend it")

    monkeypatch.setattr(examining, "LOOKS", (stumbles, finds))
    install("torch", "2.13.0", module="raise ImportError")
    examined = examine(tmp_path / "params.yaml", tmp_path / "data")
    assert [str(finding) for finding in examined.findings] == [
        "error: another: an error -> mend it",
        "warning: doctor: stumbles failed: RuntimeError: a mistake of ours -> please report this",
        "note: a place: a note",
    ]
    assert examined.facts["torch"] == "cannot be imported"


def test_an_issue_gets_no_folders():
    finding = Finding(Severity.ERROR, "/home/ada/model/config.json", "", "of /home/ada/x", "rm /home/ada/y")
    told = Examination({"profile": "tiny (/home/ada/params.yaml)"}, [finding]).to_json()
    assert "ada" not in str(told)
    assert told["facts"] == {"profile": "tiny (.../params.yaml)"}
    assert told["findings"][0]["severity"] == "error"
