import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import UNTITLED
from stepsearch_core.data.documents import Document, count_documents, document_files, read_documents


@pytest.fixture
def folder(tmp_path):
    """A folder with a document of each kind, in the order in which they are read."""
    made = tmp_path / "docs"
    (made / "b" / "deep").mkdir(parents=True)
    (made / "a.txt").write_bytes(b"\xef\xbb\xbfA first text.\n")  # with a byte-order mark
    (made / "b" / "deep" / "page.md").write_text("Words before.\n\n# The *first* heading\n\nSome text.\n")
    rows = [{"title": "One", "text": "Row one."}, {"id": 7, "contents": '"Two"\nRow two.'}]
    (made / "b" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = {"title": ["Three", "Four"], "text": ["Row three.", "Row four."], "year": [1, 2]}
    pq.write_table(pa.table(table), made / "c.PARQUET")
    return made


def test_documents_of_every_kind_in_the_order_of_names(folder):
    assert list(read_documents(folder)) == [
        Document("a", "A first text.\n"),
        Document("The first heading", "Words before.\n\n# The *first* heading\n\nSome text.\n"),
        Document("One", "Row one."),
        Document("Two", "Row two."),
        Document("Three", "Row three."),
        Document("Four", "Row four."),
    ]
    assert count_documents(folder) == 6


def test_a_file_may_stand_alone(folder):
    assert list(read_documents(folder / "a.txt")) == [Document("a", "A first text.\n")]
    assert count_documents(folder / "b" / "rows.jsonl") == 2


def test_what_is_hidden_and_what_a_link_to_a_directory_holds_are_not_read(folder):
    before = document_files(folder)
    (folder / ".git").mkdir()
    (folder / ".git" / "notes.txt").write_text("no")
    (folder / "b" / ".hidden.txt").write_text("no")
    assert document_files(folder) == before
    (folder / "door").symlink_to(folder / "b")
    assert document_files(folder) == [*before, folder / "door"]


def test_files_of_other_kinds_are_counted(folder):
    for name in ("x.pdf", "b/y.PDF", "Makefile"):
        (folder / name).write_bytes(b"\x00\xff")
    account = Account(folder)
    assert len(list(read_documents(folder, account))) == 6
    assert account.oddities == {"left out, a file .pdf": 2, "left out, a file without suffix": 1}


def test_what_is_something_else_is_not_read_and_counted(folder):
    besides = {(folder / "b" / "rows.jsonl").resolve()}
    account = Account(folder)
    assert [document.title for document in read_documents(folder, account, besides)][-2:] == [
        "Three",
        "Four",
    ]
    assert account.oddities == {"left out, a file that fetch.files names otherwise": 1}
    assert count_documents(folder, besides) == 4
    (folder / "alone").mkdir()
    (folder / "alone" / "l.jsonl").symlink_to("../b/rows.jsonl")
    with pytest.raises(DataError, match=r"\.parquet, but for those that fetch\.files names otherwise"):
        list(read_documents(folder / "alone", besides=besides))


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# Plain\ntext", "Plain"),
        ("## [Linked](there) `code` <b>bold</b> ##\n", "Linked code bold"),
        ("Underlined\n=====\n", "Underlined"),
        ("two\nlines\n---\n", "two lines"),
        ("---\ntitle: of the site\n---\n\n# Its heading\n", "Its heading"),
        ("```\n# a comment\n```\n\n### Heading\n", "Heading"),
        ("no heading, #only a sign\n", "page"),
        ("#\n\ntext", "page"),
        ("---\n\ntext\n", "page"),
    ],
)
def test_the_title_of_markdown_is_its_first_heading_or_the_files_name(tmp_path, markdown, title):
    (tmp_path / "page.md").write_text(markdown)
    assert list(read_documents(tmp_path)) == [Document(title, markdown)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "x.txt",
            b"good\nb\xe4d\n",
            r"x\.txt, line 2: not UTF-8 text \(invalid continuation byte at byte 6",
        ),
        ("x.md", "text".encode("utf-16"), r"x\.md: UTF-16 or UTF-32 text; save it as UTF-8"),
        ("x.txt", b" \n", r"x\.txt: holds no text"),
        (
            "x.jsonl",
            b'{"title": "A", "text": "b"}\n{"title": "A"}\n',
            r"x\.jsonl, line 2: field 'text': missing",
        ),
        ("x.jsonl", b"", r"x\.jsonl: no rows"),
        ("x.parquet", b"PAR1 no", r"x\.parquet: no whole Parquet file: "),
        ("x.pdf", b"%PDF", r"docs: no document: no file that ends in \.txt, \.md, \.jsonl, \.parquet"),
    ],
)
def test_damage_is_one_error_that_names_the_file_and_what_is_wrong(tmp_path, name, content, problem):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=problem):
        list(read_documents(folder))


def test_what_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="docs: no such file or folder"):
        list(read_documents(tmp_path / "docs"))


def test_as_many_may_be_dropped_as_the_account_says_over_all_files(folder):
    (folder / "b" / "bad.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "b" / "more.jsonl").write_text('{"title": "A", "text": 5}\n{"contents": "no title"}\n')
    account = Account(folder, 2)
    assert [document.title for document in read_documents(folder, account)][1] == "The first heading"
    assert [(row["place"], row["field"]) for row in account.rows()] == [
        ("b/bad.txt", None),
        ("b/more.jsonl, line 1", "text"),
    ]
    assert account.oddities == {UNTITLED: 1}
    with pytest.raises(DataError, match=r"more than 1 rows, which fetch\.max_dropped_rows allows"):
        list(read_documents(folder, Account(folder, 1)))


@given(st.text(max_size=80).filter(lambda text: text.strip() and "\0" not in text and text[0] != "\ufeff"))
def test_whatever_a_text_says_it_is_a_document_as_it_stands(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "whatever.md"
    path.write_bytes(text.encode())
    [document] = read_documents(path)
    assert document.text == text
    assert document.title.strip()
