"""The documents of `fetch.files`: the first of them can be read, and what is left out of them is named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import DOCUMENTS
from stepsearch_core.checking.files import MEND, left_out
from stepsearch_core.checking.finding import Finding
from stepsearch_core.checking.subject import FIRST_ROWS, Subject
from stepsearch_core.data.account import Account
from stepsearch_core.fetching.watched import dead_link


def check_documents(subject: Subject) -> Iterator[Finding]:
    """The first documents can be read as `fetch` reads them; files of other kinds are left out."""
    if subject.documents is None or dead_link(subject.params.fetch.folder):  # said of the sources
        return
    account = Account(subject.documents, subject.params.fetch.max_dropped_rows)
    try:
        deque(islice(subject.read_documents(account), FIRST_ROWS), maxlen=0)
    except DataError as error:
        yield subject.refusal(error, MEND)
    else:
        yield from left_out(subject, account)
    for what, count in account.oddities.items():
        yield subject.warning(f"fetch.files.{DOCUMENTS}", f"{count} x {what}", "")
