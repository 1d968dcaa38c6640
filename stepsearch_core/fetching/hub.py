"""Benchmarks and corpora through the `datasets` library: from the Hugging Face hub, or a local directory.

Rows are streamed, so that a corpus of 21 million passages never lies in memory, and written as JSON lines in
the published format, which is what the readers know. A name of the hub needs a revision: what a name alone
stands for changes. Retries are the library's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_jsonl
from stepsearch_core.fetching.watched import UNWATCHED, unwatched_link
from stepsearch_core.params import Source

COLUMNS = {
    "context": ("title", "sentences"),
    "supporting_facts": ("title", "sent_id"),
    "evidences": ("fact", "relation", "entity"),
}
"""Where the hub has named columns, HotpotQA and 2WikiMultiHopQA publish lists, in this order."""


def write_dataset(key: str, params: Source, folder: Path | str, path: Path) -> None:
    """Write a split as JSON lines in the published format.

    Args:
        key: The entry of `fetch.datasets`, for errors and the progress bar.
        params: What to load; a directory of this name below `folder` is preferred to the hub.
        folder: `fetch.folder`.
        path: The file to write.

    Raises:
        DataError: no revision, no such dataset, configuration or split, or a failure while reading it; names
            the parameter and the dataset.
    """
    local = Path(folder) / params.name
    if not local.is_dir() and not params.revision:
        raise DataError(
            f"fetch.datasets.{key}.revision: missing; a dataset of the hub needs one", params.name
        )
    if local.is_dir() and (link := unwatched_link(folder, params.name)):
        raise DataError(f"fetch.datasets.{key}: {UNWATCHED}; put the directory itself there", link)
    rows = _rows(key, str(local) if local.is_dir() else params.name, params)
    write_jsonl(path, (published_row(row) for row in tqdm(rows, desc=key, unit=" rows")))


def published_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the hub as its benchmark publishes it; rows that differ in nothing stay as they are.

    The hub names what the files of HotpotQA and 2WikiMultiHopQA tell by position (`COLUMNS`), and calls
    their `_id` `id`.
    """
    published = {
        name: _positional(value, COLUMNS[name]) if name in COLUMNS else value for name, value in row.items()
    }
    if "supporting_facts" in row and "_id" not in row and "id" in row:
        published = {"_id": published.pop("id"), **published}
    return published


def _positional(value: Any, names: Sequence[str]) -> Any:
    """Lists of `names`' values from a mapping of lists or a list of mappings; else as it is."""
    if isinstance(value, dict) and value.keys() >= set(names):
        return [list(values) for values in zip(*(value[name] for name in names), strict=True)]
    if isinstance(value, list) and all(
        isinstance(item, dict) and item.keys() >= set(names) for item in value
    ):
        return [[item[name] for name in names] for item in value]
    return value


def _rows(key: str, source: str, params: Source) -> Iterator[dict[str, Any]]:
    """The rows of a split, one at a time."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield from load_dataset(
            source, params.config, split=params.split, revision=params.revision, streaming=True
        )
    except (DatasetsError, HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        what = " ".join(filter(None, (params.config, params.split, params.revision)))
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        problem = DataError(f"fetch.datasets.{key}: cannot be read ({what}): {reason}", source)
        if isinstance(error, ConnectionError | TimeoutError) and not HF_HUB_OFFLINE:
            raise ConnectionError(
                str(problem)
            ) from None  # unlike a dataset that does not exist, worth another try
        raise problem from None
