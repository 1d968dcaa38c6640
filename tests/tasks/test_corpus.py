from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.data.corpus import Corpus, read_manifest
from stepsearch_core.params import CorpusParams, Params
from tasks.corpus import main
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl


def test_the_stage_fills_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "fetch").mkdir(parents=True)
    write_jsonl(tmp_path / "data" / "fetch" / "musique.jsonl", MUSIQUE, {**MUSIQUE, "id": "another"})
    write_jsonl(
        tmp_path / "data" / "fetch" / "corpus.jsonl", {"id": "1", "title": "Rome", "text": "A city."}
    )
    main(Params(profile="test", corpus=CorpusParams(include_benchmarks=True)))
    assert len(Corpus.open(tmp_path / "data" / "corpus")) == 5
    assert GoldMatches.open(tmp_path / "data" / "corpus") == GoldMatches()
    assert read_manifest(tmp_path / "data" / "corpus")["of_questions"] == 4  # all but Rome


def test_a_gold_paragraph_that_was_missing_comes_from_a_question(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetched = tmp_path / "data" / "fetch"
    fetched.mkdir(parents=True)
    write_jsonl(fetched / "musique.jsonl", MUSIQUE)
    write_jsonl(fetched / "corpus.jsonl", {"id": "1", "title": "Rome", "text": "A city."})
    main(Params(profile="test", corpus=CorpusParams(include_benchmarks=False, add_missing_gold=True)))
    manifest = read_manifest(tmp_path / "data" / "corpus")
    assert manifest["rows"] == 1 + manifest["of_questions"]
    assert manifest["of_questions"] == manifest["added_gold"] > 0
