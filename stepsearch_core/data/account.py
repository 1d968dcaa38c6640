"""What became of a file's rows: unreadable ones are left out and named, odd ones kept and counted.

One bad row of 20,000 is no reason to refuse a file, and a file of bad rows is no file to train on: a bounded
number may be dropped (`fetch.max_dropped_rows`), each with its line, field and reason in
`data/fetch/manifest.json`. `fetch` decides; stages that read the same file later allow exactly as many as it
dropped, by the same rule, so all of them see the same rows. Damage that leaves no rows to go on with (a JSON
array or a table cut short, another encoding) ends the file as ever.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from stepsearch_core.base.errors import DataError

SHOWN = 3
"""Dropped rows that an error repeats."""


class Account:
    """Of one file, or of a folder of documents: the errors of the rows dropped, in their order, and how many
    rows have which oddity.
    """

    def __init__(self, path: Path | str, limit: int = 0) -> None:
        self.path, self.limit = Path(path), limit
        self.dropped: list[DataError] = []
        self.oddities: Counter[str] = Counter()

    def drop(self, error: DataError) -> None:
        """Leave out the row that `error` is about.

        Raises:
            DataError: these are more than the limit; with a limit of 0 it is `error` itself.
        """
        self.dropped.append(error)
        if len(self.dropped) > self.limit:
            allowed = f"more than {self.limit} rows, which fetch.max_dropped_rows allows, cannot be read"
            raise self._summary(allowed) if self.limit else error

    def close(self, kept: int) -> None:
        """Say that the file has been read.

        Raises:
            DataError: all its rows were dropped.
        """
        if self.dropped and not kept:
            raise self._summary("no row can be read")

    def rows(self) -> list[dict[str, str | None]]:
        """The rows dropped: `place` (line or row), `field` and `reason` of each."""
        return [
            {"place": self._place(error), "field": error.field, "reason": error.problem}
            for error in self.dropped
        ]

    def _summary(self, problem: str) -> DataError:
        first = (f"{self._place(error)}: {_reason(error)}" for error in self.dropped[:SHOWN])
        return DataError(f"{problem}; the first: {'; '.join(first)}", self.path)

    def _place(self, error: DataError) -> str:
        return error.place.removeprefix(f"{self.path}, ").removeprefix(f"{self.path}/")


def _reason(error: DataError) -> str:
    return f"field {error.field!r}: {error.problem}" if error.field else error.problem
