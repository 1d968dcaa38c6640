import pytest

from tests.stepsearch_core.benchmarks.rows_of_formats import MUSIQUE, write_jsonl


@pytest.fixture
def documents(questions):
    """Overrides for a folder with one good document, and nothing else to be fetched."""
    (questions / "docs").mkdir()
    (questions / "docs" / "ada.txt").write_text("Ada was born in Oslo.")
    return "fetch.source=files", f"fetch.folder={questions}", "fetch.files={documents: docs}"


def test_good_documents_alone_end_no_stage(look, documents):
    seen = look(*documents)
    assert seen.status == 0
    (line,) = seen.findings
    assert line.startswith(
        "warning: override fetch.files={documents: docs}: fetch.files: no training questions"
    )


def test_documents_that_cannot_be_read(look, documents, questions):
    (questions / "docs" / "bad.txt").write_bytes(b"a\n\xff")
    (questions / "docs" / "empty.md").write_bytes(b"")
    seen = look(*documents)
    assert seen.status == 1
    assert f"error: {questions / 'docs' / 'bad.txt'}, line 2: not UTF-8 text" in seen.findings[0]
    seen = look(*documents, "fetch.max_dropped_rows=2")
    assert seen.status == 0
    assert f"warning: {questions / 'docs' / 'bad.txt'}, line 2: not UTF-8 text" in seen.findings[0]
    assert f"warning: {questions / 'docs' / 'empty.md'}: holds no text" in seen.findings[1]


def test_files_of_other_kinds_and_none_that_is_read(look, documents, questions):
    (questions / "docs" / "scan.pdf").write_bytes(b"%PDF")
    seen = look(*documents)
    assert seen.status == 0
    assert "fetch.files.documents: 1 x left out, a file .pdf" in "\n".join(seen.findings)
    (questions / "docs" / "ada.txt").unlink()
    seen = look(*documents)
    assert seen.status == 1
    assert f"error: {questions / 'docs'}: no document: no file that ends in .txt, .md" in seen.findings[0]


def test_passages_of_documents_are_held_to_what_can_be_shown(look, documents, questions):
    (questions / "docs" / "ada.txt").write_text("Ada was born in Oslo. " * 200)
    assert "of 10 sampled passages are longer than" in "\n".join(look(*documents).findings)
    shorter = look(*documents, "corpus.passage_words=20").findings
    assert "sampled passages are longer" not in "\n".join(shorter)


def test_links_and_overlaps_that_cannot_be(look, documents, questions):
    (questions / "docs" / "door").symlink_to(questions)
    seen = look(*documents)
    assert seen.status == 1
    assert "fetch.files.documents: " in seen.findings[0]
    assert "door: a link to a directory" in seen.findings[0]
    seen = look(*documents, "corpus.passage_overlap=100")
    assert "corpus.passage_overlap: 100 is not less than corpus.passage_words" in seen.findings[0]


def test_an_error_is_not_a_warning_too(look, documents, questions):
    (questions / "docs" / "blank.txt").write_text(" ")
    seen = look(*documents)
    (line,) = [line for line in seen.findings if "blank.txt" in line]
    assert line.startswith(f"error: {questions / 'docs' / 'blank.txt'}: holds no text")
    (questions / "docs" / "empty.txt").write_text("")
    assert "leaves it out" not in "\n".join(look(*documents, "fetch.max_dropped_rows=1").findings)


def test_a_link_to_nothing_is_one_error_however_much_may_be_dropped(look, documents, questions):
    link = questions / "docs" / "gone.txt"
    link.symlink_to("nothing")
    seen = look(*documents, "fetch.max_dropped_rows=30")
    assert seen.status == 1
    (line,) = [line for line in seen.findings if "gone.txt" in line]
    assert f"fetch.folder: {link}: a link to what is not there, at which DVC ends" in line


def test_files_of_other_entries_are_no_documents(look, documents, questions):
    write_jsonl(questions / "dev.jsonl", MUSIQUE)
    seen = look(*documents[:2], "fetch.files={musique: dev.jsonl, documents: .}")
    assert seen.status == 0
    said = "\n".join(seen.findings)
    assert "fetch.files.documents: 1 x left out, a file that fetch.files names otherwise" in said
