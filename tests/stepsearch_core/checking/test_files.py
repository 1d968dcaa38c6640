import pytest

from tests.stepsearch_core.benchmarks.rows_of_formats import HOTPOTQA, MUSIQUE, damaged, write_jsonl


def test_good_files_have_no_findings(look, files):
    seen = look(*files())
    assert (seen.status, seen.findings) == (0, [])


def test_files_that_are_not_there(look, files, questions):
    overrides = files()
    seen = look(*overrides[:2], "fetch.files={musique_train: gone.jsonl, musique: m.jsonl}", overrides[3])
    assert seen.status == 1
    assert f"fetch.files.musique_train: {questions / 'gone.jsonl'}: no such file" in seen.findings[0]


def test_unknown_keys_and_none_at_all(look, files):
    overrides = files()
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, squad: m.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    assert seen.status == 1
    assert any("fetch.files.squad: unknown key 'squad'" in line for line in seen.findings)
    seen = look("fetch.source=files", "fetch.files={}")
    assert seen.status == 1
    assert "fetch.files: empty, and fetch.source is files" in seen.findings[0]


def test_damage_in_the_first_rows_is_named_with_line_and_field(look, files, questions):
    overrides = files()
    bad = {**damaged("musique", "question_decomposition", 0, "paragraph_support_idx", to=99), "id": "bad"}
    write_jsonl(questions / "m.jsonl", MUSIQUE, bad)
    seen = look(*overrides)
    assert seen.status == 1
    field = "question_decomposition[0].paragraph_support_idx"
    assert f"error: {questions / 'm.jsonl'}, line 2: {field}: 99 is no paragraph's idx" in seen.findings[0]
    write_jsonl(
        questions / "corpus.jsonl",
        {"id": "1", "title": "A", "text": "b"},
        {"id": "2", "title": "A"},
    )
    files()
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, corpus: corpus.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    assert seen.status == 1
    assert f"error: {questions / 'corpus.jsonl'}, line 2: text: missing" in seen.findings[0]


def test_only_benchmarks_without_sub_questions(look, questions):
    write_jsonl(questions / "h.jsonl", HOTPOTQA)
    seen = look("fetch.source=files", f"fetch.folder={questions}", "fetch.files={hotpotqa: h.jsonl}")
    assert seen.status == 0  # retrieval can be measured
    assert any("no training questions: `synthesize`" in line for line in seen.findings)


def test_a_benchmark_that_is_evaluated_and_not_fetched(look, files):
    seen = look(*files()[:3], "evaluate.benchmarks=[musique, bamboogle]")
    assert seen.status == 1
    assert "evaluate.benchmarks: ['musique', 'bamboogle'] is not all among those fetched" in seen.findings[0]


def test_fetched_and_not_evaluated(look, files, questions):
    overrides = files()
    write_jsonl(questions / "h.jsonl", HOTPOTQA)
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, hotpotqa: h.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    assert seen.status == 0
    assert any("hotpotqa is fetched, but not evaluated" in line for line in seen.findings)


def test_training_questions_may_be_test_questions_that_are_moved(look, files):
    only = (*files(), "fetch.files={musique: m.jsonl}")
    assert any("no training questions: `synthesize`" in line for line in look(*only).findings)
    seen = look(*only, "fetch.training_share=0.5")
    assert seen.status == 0
    assert not [line for line in seen.findings if "musique_train" in line]


def test_fewer_training_questions_than_validation_takes(look, files):
    seen = look(*files(rows=20))
    assert seen.status == 1
    assert (
        "synthesize.validation_questions: 20 leave none of 20 usable questions, at most, for training"
        in seen.findings[0]
    )


def test_rows_that_will_be_dropped_are_named(look, files, questions):
    overrides = files()
    good = [{**MUSIQUE, "id": f"{number}"} for number in range(40)]
    write_jsonl(
        questions / "m.jsonl",
        MUSIQUE,
        {**damaged("musique", "answer", to=None), "id": "bad"},
        *good,
    )
    seen = look(*overrides)
    assert seen.status == 1
    assert "leaves it out" not in "\n".join(seen.findings)  # `fetch` ends there
    seen = look(*overrides, "fetch.max_dropped_rows=1")
    assert seen.status == 0
    assert f"warning: {questions / 'm.jsonl'}, line 2: answer: expected text" in seen.findings[0]
    assert "`fetch` leaves it out" in seen.findings[0]


@pytest.mark.parametrize("offline", [False, True])
def test_data_sets_of_the_hub(look, monkeypatch, offline):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1" if offline else "0")
    named = (
        "fetch.datasets={musique_train: {name: a/b, split: train, revision: abc}, musique: {name: a/c,"
        " split: test}}"
    )
    seen = look("fetch.source=datasets", named, "evaluate.benchmarks=[musique]")
    assert seen.status == 1
    assert any(
        "fetch.datasets.musique.revision: a/c is no directory below" in line for line in seen.findings
    )
    (line,) = [line for line in seen.findings if "fetch.datasets.musique_train" in line]
    assert (
        "a/b@abc is not on this machine" if offline else "the data set a/b@abc will be downloaded"
    ) in line


def test_a_world_that_cannot_be_made(look):
    (line,) = look("fetch.world.countries=30", "fetch.world.cities=20").findings
    assert line.startswith("error: override fetch.world.cities=20: fetch.world.cities: every country needs")
    (line,) = look("fetch.world.people=100000").findings
    assert "fetch.world: the world's names allow at most" in line


@pytest.mark.parametrize("name", ["/elsewhere/b.jsonl", "../b.jsonl", "a/../../b.jsonl"])
def test_files_that_dvc_would_not_watch(look, files, name):
    seen = look(*files()[:2], f"fetch.files={{musique_train: m.jsonl, musique: {name}}}", *files()[3:])
    assert seen.status == 1
    assert "fetch.files: " in seen.findings[0]
    assert "is not all inside fetch.folder, which DVC watches: put or link them" in seen.findings[0]


def test_files_behind_a_link_to_a_directory(look, files, questions):
    overrides = files()
    (questions / "other").mkdir()
    (questions / "other" / "m.jsonl").write_bytes((questions / "m.jsonl").read_bytes())
    (questions / "door").symlink_to(questions / "other")
    named = "fetch.files={musique_train: m.jsonl, musique: door/m.jsonl}"
    (line,) = look(*overrides[:2], named, overrides[3]).findings
    assert "fetch.files.musique: " in line
    assert "door: a link to a directory, into which DVC does not look" in line
    (questions / "l.jsonl").symlink_to(questions / "other" / "m.jsonl")
    named = "fetch.files={musique_train: m.jsonl, musique: l.jsonl}"
    assert look(*overrides[:2], named, overrides[3]).findings == []


def own_questions(questions, *rows):
    write_jsonl(questions / "own.jsonl", *rows)
    return "fetch.files={qa_train: own.jsonl, musique: m.jsonl}"


BARE = [{"question": f"Who is {number}?", "answer": "Ann"} for number in range(30)]
ENDPOINT = ("endpoint.url=http://127.0.0.1:9/v1", "synthesize.generator_model=m")


@pytest.mark.slow
def test_questions_without_supports_need_a_model_that_takes_them_apart(look, files, questions):
    overrides = (*files(), own_questions(questions, *BARE), "synthesize.validation_questions=5")
    seen = look(*overrides)
    assert seen.status == 1
    assert "fetch.files.qa_train: none of the first 30 questions has steps" in seen.findings[0]
    assert look(*overrides, "synthesize.decompose=true", *ENDPOINT).status == 0
    kept = look(*overrides, "synthesize.keep_bare=true")
    assert kept.status == 1
    assert "warmstart.epochs: no question has steps to make trajectories of" in kept.findings[0]
    assert look(*overrides, "synthesize.keep_bare=true", "warmstart.epochs=0").status == 0


def test_beside_others_they_are_left_out(look, files, questions):
    overrides = (*files(), own_questions(questions, *BARE), "synthesize.validation_questions=5")
    both = "fetch.files={qa_train: own.jsonl, musique_train: m.jsonl, musique: m.jsonl}"
    seen = look(*overrides, both)
    assert seen.status == 0
    assert any("qa_train: none of the first 30 questions has steps" in line for line in seen.findings)


def test_documents_alone_are_enough_where_questions_are_made_of_them(look, questions):
    (questions / "a.txt").write_text("Ann Lee wrote Dark River.")
    overrides = ("fetch.source=files", f"fetch.folder={questions}", "fetch.files={documents: .}")
    assert any("no training questions" in line for line in look(*overrides).findings)
    few = look(*overrides, "synthesize.linked_pairs=5", "synthesize.validation_questions=9", *ENDPOINT)
    assert few.status == 1
    assert any("9 leave none of 5 usable questions, at most" in line for line in few.findings)
    seen = look(*overrides, "synthesize.linked_pairs=5", "synthesize.validation_questions=2", *ENDPOINT)
    assert seen.status == 0
    assert not any("no training questions" in line for line in seen.findings)


def test_a_corpus_file_without_ids_is_refused_as_fetch_does(look, files, questions):
    overrides = files()
    write_jsonl(questions / "corpus.jsonl", {"title": "A", "text": "b"})
    named = "fetch.files={musique_train: m.jsonl, musique: m.jsonl, corpus: corpus.jsonl}"
    seen = look(*overrides[:2], named, overrides[3])
    assert seen.status == 1
    assert "corpus.jsonl, line 1: id: missing" in seen.findings[0]
