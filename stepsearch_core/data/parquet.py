"""The rows of a Parquet file, read in batches: a table of any size takes the memory of a few of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.row import Row

BATCH_ROWS = 256
_READ_BYTES = 1 << 20


def parquet_rows(path: Path | str) -> Iterator[Row]:
    """Yield the rows of a table; their places count from 0, as those of a JSON array.

    Raises:
        DataError: missing, no Parquet file, damaged, or without a row.
    """
    with _opened(path) as table:
        if not table.metadata.num_rows:
            raise DataError("no rows", path)
        batches = (batch.to_pylist() for batch in table.iter_batches(BATCH_ROWS, use_threads=False))
        for number, value in enumerate(chain.from_iterable(batches)):
            yield Row(f"{path}, row {number}", value)


def count_parquet_rows(path: Path | str) -> int:
    """How many rows a table has; only its end is read.

    Raises:
        DataError: missing, or no Parquet file.
    """
    with _opened(path) as table:
        return int(table.metadata.num_rows)


@contextmanager
def _opened(path: Path | str) -> Iterator[Any]:
    """The table; what Arrow says of it, now or later, is one error."""
    import pyarrow.parquet
    from pyarrow.lib import ArrowException

    try:
        # else Arrow reads the column of a whole group of rows at once, and that may be all rows
        with pyarrow.parquet.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False) as table:
            yield table
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except (ArrowException, OSError) as error:
        raise DataError(f"no whole Parquet file: {' '.join(str(error).split())[:300]}", path) from None
