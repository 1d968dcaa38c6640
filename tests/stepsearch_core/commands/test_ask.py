import json

import pytest

from stepsearch_core.cli import main
from stepsearch_core.rollout.records import read_records


def asked(micro, *arguments):
    """Run the command on what the profile micro has made."""
    main(["ask", *arguments, "--data", str(micro / "data"), "--params", str(micro / "params.yaml")])


@pytest.mark.slow
def test_the_trained_policy_does_what_it_did_in_its_evaluation(micro, capsys):
    records = read_records(micro / "data" / "evaluate" / "records" / "trained" / "musique.jsonl").values()
    evaluated = next(record for record in records if any(turn.query for turn in record.turns))
    asked(micro, evaluated.question, "--json")
    record = json.loads(capsys.readouterr().out)
    assert (record["question"], record["answer"]) == (evaluated.question, evaluated.prediction)
    assert record["stop_reason"] == evaluated.stop_reason
    wanted = [turn.to_json() for turn in evaluated.turns]
    for told, done in zip(record["turns"], wanted, strict=True):
        assert {key: told[key] for key in ("text", "action", "query", "hidden_ids")} == {
            key: done[key] for key in ("text", "action", "query", "hidden_ids")
        }
        assert [passage["id"] for passage in told["passages"]] == [
            passage["id"] for passage in done["passages"]
        ]
    asked(micro, evaluated.question)
    printed = capsys.readouterr().out
    query = next(turn.query for turn in evaluated.turns if turn.query)
    assert f"search: {query}\n  found: " in printed
    reason = evaluated.stop_reason.replace("_", " ")
    answer = f"answer: {evaluated.prediction}" if evaluated.prediction else f"no answer: {reason}"
    assert printed.splitlines()[-1] == answer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((" ",), "command line: field 'question': empty"),
        (("where?", "--policy", "nowhere"), "nowhere: no policy; `dvc repro train` trains one"),
        (("where? " * 500,), "not answered: prompt too long"),
    ],
)
def test_what_cannot_be_asked_is_one_line(micro, arguments, problem):
    with pytest.raises(SystemExit) as ended:
        asked(micro, *arguments)
    assert str(ended.value.code).startswith(f"stepsearch: {problem}")


def test_without_results_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^stepsearch: params\.yaml: no such file$"):
        main(["ask", "where?"])


@pytest.mark.slow
def test_the_questions_of_a_file_are_answered_one_after_another(micro, tmp_path, capsys):
    (tmp_path / "asked.txt").write_text("\ufeffWho wrote it?\n\n  Where?  \n", "utf-8")
    asked(micro, "--file", str(tmp_path / "asked.txt"), "--json")
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["question"] for record in records] == ["Who wrote it?", "Where?"]
    asked(micro, "--file", str(tmp_path / "asked.txt"))
    printed = capsys.readouterr().out
    assert printed.startswith("question: Who wrote it?\n")
    assert "\n\nquestion: Where?\n" in printed
    asked(micro, "Where?", "--json")
    assert json.loads(capsys.readouterr().out) == records[1]  # who was asked before is forgotten


@pytest.mark.slow
def test_it_may_be_asked_in_another_way_than_the_run(micro, capsys):
    asked(micro, "Where?", "--json", "--change", "environment.max_searches=0")
    record = json.loads(capsys.readouterr().out)
    assert len(record["turns"]) == 1
    for change, problem in (
        ("train.steps=3", "--change: 'train.steps=3' is not of environment, retrieval, rollout"),
        ("environment.protocol=react", "--change: environment.protocol: 'react' is not one of"),
    ):
        with pytest.raises(SystemExit, match=f"^stepsearch: {problem}"):
            asked(micro, "Where?", "--change", change)


@pytest.mark.parametrize("arguments", [(), ("where?", "--file", "asked.txt")], ids=["neither", "both"])
def test_a_question_or_a_file(arguments):
    with pytest.raises(SystemExit, match="name a question, or a --file of them, and not both"):
        main(["ask", *arguments])
