import pytest

from stepsearch_core.base.io import write_json, write_jsonl
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE


@pytest.mark.slow
def test_limits_that_hold_no_prompt_or_no_search(look):
    few = (
        "environment.max_turn_tokens=20",
        "environment.max_observation_tokens=10",
        "environment.prompt=paper",
    )
    seen = look(*few, "environment.max_trajectory_tokens=100")
    assert seen.status == 1
    (line,) = [line for line in seen.findings if "leave 0 beside a prompt of" in line]
    assert "a turn may have 20" in line
    prompt = int(line.split("a prompt of ")[1].split()[0])
    for room, status, problem in ((19, 1, "leave 19"), (49, 0, "hold no whole search"), (50, 0, None)):
        seen = look(*few, f"environment.max_trajectory_tokens={prompt + room}")
        assert seen.status == status
        assert [problem] * bool(problem) == [
            problem for line in seen.findings if "max_trajectory_tokens" in line
        ]


def test_prompt_files_are_read_before_anything_long(look, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "prompts").mkdir(parents=True)
    (tmp_path / "conf" / "prompts" / "mine.yaml").write_text("base: paper\nprompt: Ask\n")
    others = "evaluate.others={a: {source: x, changes: [environment.prompt=conf/prompts/mine.yaml]}}"
    seen = look(others)
    assert seen.status == 1
    assert any("conf/prompts/mine.yaml: prompt: {question} stands there 0" in line for line in seen.findings)
    seen = look("environment.prompt=conf/prompts/none.yaml")
    assert seen.status == 1
    assert any("conf/prompts/none.yaml: no such file" in line for line in seen.findings)


def test_observations_that_hold_nothing(look):
    seen = look("environment.max_observation_tokens=2")
    assert seen.status == 1
    assert any("environment.max_observation_tokens" in line for line in seen.findings)


def test_long_questions_are_named_with_their_lines(look, files, questions):
    overrides = files()
    rows = [MUSIQUE, {**MUSIQUE, "id": "long", "question": "why " * 600}, {**MUSIQUE, "id": "short"}]
    write_jsonl(questions / "test.jsonl", rows)
    test = [*overrides[:2], "fetch.files={musique_train: m.jsonl, musique: test.jsonl}", overrides[3]]
    seen = look(*test)
    (line,) = [line for line in seen.findings if "too long" in line]
    assert line.startswith(f"warning: {questions / 'test.jsonl'}, line 2: question: 1 too long")
    assert "long (line 2)" in line
    write_jsonl(questions / "m.jsonl", ({**rows[1], "id": str(number)} for number in range(40)))
    seen = look(*overrides)
    assert seen.status == 1  # too many to be left out of training
    assert any(line.startswith("error") and "40 too long" in line for line in seen.findings)


def test_passages_that_are_never_shown_whole(look, files, questions):
    overrides = files()
    long = [
        {"id": str(n), "title": f"T{n}", "text": f"w{n} " * (1500 if n % 10 == 0 else 5)} for n in range(200)
    ]
    write_jsonl(questions / "corpus.jsonl", long)
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, corpus: corpus.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    (line,) = [line for line in seen.findings if "longer than" in line]
    assert line.startswith("warning: ")
    assert "environment.max_observation_tokens: 10.0% of 200 sampled passages are longer than" in line


def test_searches_whose_passages_do_not_fit_together(look, files, questions):
    overrides = files()
    write_jsonl(
        questions / "corpus.jsonl",
        ({"id": str(n), "title": "", "text": f"w{n} " * 60} for n in range(99)),
    )
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, corpus: corpus.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    (line,) = [line for line in seen.findings if "passages_per_search" in line]
    assert "in 100.0% of searches the 2 passages have more than" in line


def test_fetched_questions_are_looked_at_if_they_are_of_these_parameters(look, tmp_path):
    fetched = tmp_path / "data" / "fetch"
    fetched.mkdir(parents=True)
    rows = [{**MUSIQUE, "id": f"{number}", "question": "why " * 600} for number in range(30)]
    write_jsonl(fetched / "musique.jsonl", rows)
    overrides = (
        "fetch.source=datasets",
        "fetch.datasets={musique: {name: a/b, split: test, revision: abc}, "
        "musique_train: {name: a/b, split: train, revision: abc}}",
        "evaluate.benchmarks=[musique]",
        "--from",
        "corpus",
    )

    def manifest(revision):
        entry = {"name": "a/b", "config": None, "revision": revision}
        splits = {"musique": "test", "musique_train": "train"}
        files = {key: {"dataset": {**entry, "split": split}, "rows": 30} for key, split in splits.items()}
        told = {"source": "datasets", "training_share": 0.0, "files": files}
        write_json(fetched / "manifest.json", told)

    manifest("other")
    assert not [line for line in look(*overrides).findings if "too long" in line]
    manifest("abc")
    assert [line for line in look(*overrides).findings if "30 too long" in line]
