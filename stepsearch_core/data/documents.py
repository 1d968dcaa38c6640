"""A user's own documents: texts of any length with a title, from the files of a folder.

| file | documents | title |
| --- | --- | --- |
| `.txt` | one | the file's name without suffix |
| `.md` | one, as it is written | its first heading, or the file's name |
| `.jsonl` | one a line: `title` and `text`, or Search-R1's `contents` | the row's |
| `.parquet` | one a row, with columns of these names | the row's |

Folders are read with all below them, in the order of names; what begins with a dot is hidden and left out.
Files of other kinds are left out, too, and counted, and so are those that are something else (`besides`): a
benchmark's rows are no documents for lying among them. Texts are UTF-8, with or without a byte-order mark,
and read one by one; tables are read in batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_text
from stepsearch_core.data.account import Account
from stepsearch_core.data.corpus import count_lines, read_passage
from stepsearch_core.data.parquet import count_parquet_rows, parquet_rows
from stepsearch_core.data.row import Row
from stepsearch_core.data.rows import read_rows

TEXTS, TABLES = (".txt", ".md"), (".jsonl", ".parquet")
SUFFIXES = TEXTS + TABLES
_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*\n", re.DOTALL)
"""What site generators put before a page: no heading, though Markdown reads it as one."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is to be cut into passages, which all bear its title."""

    title: str
    text: str


def document_files(path: Path | str) -> list[Path]:
    """A file, or what is not hidden below a folder, of whatever kind, in the order of names.

    A link to a directory stands for itself: nobody goes into it.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    inside = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    below = ([entry] if entry.is_symlink() else document_files(entry) for entry in inside)
    return list(chain.from_iterable(below))


def read_files(path: Path | str, besides: Collection[Path] = ()) -> list[Path]:
    """Of `document_files` those that are read: of a kind that is, and none of `besides` (resolved)."""
    return [file for file in document_files(path) if _left_out(file, besides) is None]


def read_documents(
    path: Path | str, account: Account | None = None, besides: Collection[Path] = ()
) -> Iterator[Document]:
    """The documents of a file or folder, file by file.

    Args:
        path: A file of one of `SUFFIXES`, or a folder.
        account: Says how many documents may be dropped (a text that cannot be read counts as one), and is
            told which were; counts what else is odd. None: none may.
        besides: Files that are no documents, resolved.

    Raises:
        DataError: no such file, none of a kind that is read, no document in them, or more that cannot be
            read than may be dropped.
    """
    path = Path(path)
    account = account or Account(path)
    count = 0
    for file in _readable(path, account, besides):
        for document in _read_file(file, account):
            count += 1
            yield document
    account.close(count)


def count_documents(path: Path | str, besides: Collection[Path] = ()) -> int:
    """How many documents a file or folder holds at most, for a progress bar.

    Raises:
        DataError: a table that is none.
    """
    return sum(map(_count, read_files(path, besides)))


def _readable(path: Path, account: Account, besides: Collection[Path]) -> list[Path]:
    """The files to read; what is left out is told to the account.

    Raises:
        DataError: there is none.
    """
    if not path.exists():
        raise DataError("no such file or folder", path)
    files = read_files(path, besides)
    if not files:
        but = ", but for those that fetch.files names otherwise" if besides else ""
        raise DataError(f"no document: no file that ends in {', '.join(SUFFIXES)}{but}", path)
    reasons = (_left_out(file, besides) for file in document_files(path))
    account.oddities.update(f"left out, {reason}" for reason in reasons if reason)
    return files


def _left_out(file: Path, besides: Collection[Path]) -> str | None:
    """Why a file is not read; None if it is."""
    if besides and file.is_file() and file.resolve() in besides:
        return "a file that fetch.files names otherwise"
    return None if file.suffix.lower() in SUFFIXES else f"a file {file.suffix.lower() or 'without suffix'}"


def _read_file(path: Path, account: Account) -> Iterator[Document]:
    """The documents of one file."""
    if path.suffix.lower() in TEXTS:
        try:
            yield _read_text_document(path)
        except DataError as error:
            account.drop(error)
        return
    for row in _rows(path, account.drop):
        try:
            passage = read_passage(row, account)
        except DataError as error:
            account.drop(error)
        else:
            yield Document(passage.title, passage.text)


def _count(path: Path) -> int:
    if path.suffix.lower() in TEXTS:
        return 1
    return count_lines(path) or 0 if path.suffix.lower() == ".jsonl" else count_parquet_rows(path)


def _rows(path: Path, refused: Callable[[DataError], None]) -> Iterator[Row]:
    return read_rows(path, refused) if path.suffix.lower() == ".jsonl" else parquet_rows(path)


def _read_text_document(path: Path) -> Document:
    """The document that a file of text is.

    Raises:
        DataError: not UTF-8, or blank.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError("holds no text", path)
    title = _first_heading(text) if path.suffix.lower() == ".md" else None
    return Document(title or path.stem, text)


def _first_heading(markdown: str) -> str | None:
    """The first heading as it is shown, without marks of emphasis and links; None without any."""
    blocks = MarkdownIt("commonmark")
    blocks.core.ruler.enableOnly(["normalize", "block"])
    tokens = blocks.parse(_FRONT_MATTER.sub("", markdown, count=1))
    heading = next((after for token, after in pairwise(tokens) if token.type == "heading_open"), None)
    if heading is None:
        return None
    [line] = MarkdownIt("commonmark").parseInline(heading.content)
    shown = (child for child in line.children or () if child.type != "html_inline")
    return "".join(" " if child.type == "softbreak" else child.content for child in shown).strip()
