"""The documents of `fetch.files`: the first of them can be read, and what is left out of them is named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from stepsearch_core.base.errors import DataError
from stepsearch_core.benchmarks.sources import DOCUMENTS
from stepsearch_core.checking.files import MEND, NAMED_ROWS
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import FIRST_ROWS, Subject
from stepsearch_core.data.account import Account
from stepsearch_core.data.documents import read_documents


def check_documents(subject: Subject) -> Iterator[Finding]:
    """The first documents can be read as `fetch` reads them; files of other kinds are left out."""
    if subject.documents is None:
        return
    account = Account(subject.documents, subject.params.fetch.max_dropped_rows)
    try:
        deque(islice(read_documents(subject.documents, account), FIRST_ROWS), maxlen=0)
    except DataError as error:
        yield subject.refusal(error, MEND)
    for dropped in account.dropped[:NAMED_ROWS]:
        refusal = subject.refusal(dropped, "mend it; `fetch` leaves it out")
        yield replace(refusal, severity=Severity.WARNING)
    for what, count in account.oddities.items():
        yield subject.warning(f"fetch.files.{DOCUMENTS}", f"{count} x {what}", "")
