from pathlib import Path

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import fetched_documents, fetched_passages, question_passages
from stepsearch_core.fetching.documents import copy_documents, describe_documents
from stepsearch_core.fetching.fetch import fetch, remarks
from stepsearch_core.params import CorpusParams, FetchParams
from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl


@pytest.fixture
def given(tmp_path):
    folder = tmp_path / "given"
    (folder / "docs" / "more").mkdir(parents=True)
    (folder / "docs" / "ada.txt").write_text("Ada was born in Oslo. Oslo lies in Norway.")
    (folder / "docs" / "more" / "rome.md").write_text("# Rome\n\nRome lies in Italy.\n")
    (folder / "docs" / "scan.pdf").write_bytes(b"%PDF")
    return FetchParams(source="files", folder=str(folder), files={"documents": "docs"})


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_documents_are_brought_under_their_names_and_described(given, tmp_path):
    manifest = fetch(given, tmp_path / "fetch")
    entry = manifest["files"]["documents"]
    assert names(tmp_path / "fetch") == ["documents/ada.txt", "documents/more/rome.md", "manifest.json"]
    assert (entry["file"], entry["rows"], entry["files"], entry["dropped"]) == ("docs", 2, 2, 0)
    assert entry["bytes"] == 42 + 28
    assert manifest["oddities"] == {"documents": {"left out, a file .pdf": 1}}
    said = remarks(manifest)
    assert "documents: 1 x left out, a file .pdf" in said
    assert any("has nothing to measure" in remark for remark in said)
    copied = fetched_documents(tmp_path / "fetch")
    assert copied is not None
    assert describe_documents(copied)["sha256"] == entry["sha256"]


def test_a_single_file_keeps_its_name_which_is_its_title(given, tmp_path):
    given.files = {"documents": "docs/ada.txt"}
    fetch(given, tmp_path / "fetch")
    assert names(tmp_path / "fetch") == ["documents/ada.txt", "manifest.json"]
    params = CorpusParams(passage_words=5, passage_overlap=1)
    passages = list(fetched_passages(params, tmp_path / "fetch"))
    assert [(passage.title, passage.text) for passage in passages] == [
        ("ada", "Ada was born in Oslo."),
        ("ada", "Oslo. Oslo lies in Norway."),
    ]


def test_documents_stand_beside_a_corpus_file_which_is_not_cut_and_benchmarks(given, tmp_path):
    long = "word " * 300
    write_jsonl(Path(given.folder) / "wiki.jsonl", {"id": "1", "title": "Long", "text": long})
    write_jsonl(Path(given.folder) / "m.jsonl", MUSIQUE)
    given.files |= {"corpus": "wiki.jsonl", "musique": "m.jsonl"}
    fetch(given, tmp_path / "fetch")
    for include, benchmark in ((False, []), (True, ["Dark River", "Old Mill", "Ann Lee", "Ann and Bob"])):
        params, folder = CorpusParams(include_benchmarks=include), tmp_path / "fetch"
        passages = [*fetched_passages(params, folder), *question_passages(params, folder)]
        assert [passage.title for passage in passages] == ["Long", "ada", "Rome", *benchmark]
        assert passages[0].text == long


def test_documents_that_cannot_be_read_are_dropped_by_the_account_in_every_stage(given, tmp_path):
    (Path(given.folder) / "docs" / "bad.txt").write_bytes(b"line\n\xff")
    with pytest.raises(DataError, match=r"docs/bad\.txt, line 2: not UTF-8 text"):
        fetch(given, tmp_path / "fetch")
    given.max_dropped_rows = 1
    manifest = fetch(given, tmp_path / "fetch")
    reason = "not UTF-8 text (invalid start byte at byte 5)"
    assert manifest["dropped"] == [
        {"file": "docs", "place": "bad.txt, line 2", "field": None, "reason": reason}
    ]
    passages = fetched_passages(CorpusParams(), tmp_path / "fetch")
    assert [passage.title for passage in passages] == ["ada", "Rome"]


def test_a_link_to_a_directory_among_them_is_refused(given, tmp_path):
    (Path(given.folder) / "docs" / "door").symlink_to(tmp_path)
    with pytest.raises(DataError, match=r"door: fetch\.files: documents: a link to a directory"):
        fetch(given, tmp_path / "fetch")
    given.files = {"documents": "nothing"}
    with pytest.raises(DataError, match=r"nothing: fetch\.files: documents: no such file"):
        fetch(given, tmp_path / "fetch")


def test_the_hash_is_of_names_and_contents_of_what_is_read(given, tmp_path):
    docs = Path(given.folder) / "docs"
    before = describe_documents(docs)["sha256"]
    (docs / "scan.pdf").unlink()
    assert describe_documents(docs)["sha256"] == before
    (docs / "ada.txt").rename(docs / "bob.txt")
    renamed = describe_documents(docs)["sha256"]
    (docs / "bob.txt").write_text("other")
    assert len({before, renamed, describe_documents(docs)["sha256"]}) == 3


def test_a_copy_has_what_is_read_and_nothing_else(given, tmp_path):
    copy_documents(Path(given.folder), tmp_path / "copy")
    assert names(tmp_path / "copy") == ["docs/ada.txt", "docs/more/rome.md"]


def test_files_of_other_entries_are_no_documents(given, tmp_path):
    write_jsonl(Path(given.folder) / "dev.jsonl", MUSIQUE)
    (Path(given.folder) / "docs" / "again.jsonl").symlink_to("../dev.jsonl")
    given.files = {"musique": "dev.jsonl", "documents": "."}
    manifest = fetch(given, tmp_path / "fetch")
    assert (manifest["files"]["documents"]["rows"], manifest["files"]["documents"]["files"]) == (2, 2)
    assert manifest["oddities"]["documents"] == {
        "left out, a file that fetch.files names otherwise": 2,
        "left out, a file .pdf": 1,
    }
    assert names(tmp_path / "fetch" / "documents") == ["docs/ada.txt", "docs/more/rome.md"]
    given.files = {"musique": "dev.jsonl", "documents": "docs/again.jsonl"}  # which names it as documents
    with pytest.raises(DataError, match=r"again\.jsonl, line 1: field 'title': missing"):
        fetch(given, tmp_path / "fetch")


def test_a_link_to_nothing_is_refused_by_its_name_however_much_may_be_dropped(given, tmp_path):
    (Path(given.folder) / "docs" / "gone.txt").symlink_to("nothing")
    given.max_dropped_rows = 30
    with pytest.raises(DataError, match=r"docs/gone\.txt: fetch\.folder: a link to what is not there"):
        fetch(given, tmp_path / "fetch")
