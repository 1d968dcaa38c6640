"""Rankings kept on disk: what was searched once is not searched again, in this process or another.

So a retrieval service answers at once, and long work that searches can be killed and go on.

A key is a hash of the index's fingerprint, the query and k, so an entry can only be found by those who would
search the same index in the same way. Entries are bytes (no pickle), and scores come back to the last bit.
Each begins with a checksum of key and content: one that was damaged is searched and written anew. What
failed is not kept. Processes share a folder; one that is killed leaves whole entries behind.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from diskcache import Cache, Disk, Timeout
from diskcache.core import MODE_RAW

from stepsearch_core.base.errors import DataError
from stepsearch_core.retrieval.retriever import Ranker, Ranking

_ENTRY = np.dtype([("position", "<i8"), ("score", "<f8")])
_CHECKSUM = 8
"""Bytes of an entry's checksum."""
_BUSY_SECONDS = 1.0
"""How long another process's write is waited for; longer, and the search is made again some time."""
_FILE_BYTES = 1 << 30
"""Entries are smaller, so all of them lie in the database: none in a file of its own."""
_EVICTED = 2
"""Old entries that go for each new one while the folder is too large."""
_BROKEN = (sqlite3.Error, OSError, Timeout)


class CachedRanker:
    """Ranks with another ranker, once for every distinct query and k."""

    def __init__(
        self, ranker: Ranker, folder: Path | str, index: str, gigabytes: float | None = None
    ) -> None:
        """Keep what `ranker` finds.

        Args:
            ranker: Searches what is not kept.
            folder: Of the cache; is made if need be.
            index: Names what is searched, and how: `fingerprint.Fingerprint.index`.
            gigabytes: What is kept longest goes when the folder is larger than this. None: nothing goes.

        Raises:
            DataError: `folder` cannot hold a cache, or holds something else.
        """
        self._ranker = ranker
        self._index = index
        self._told = False
        try:
            self._entries = Cache(
                str(folder),
                timeout=_BUSY_SECONDS,
                disk=_Bytes,
                disk_min_file_size=_FILE_BYTES,
                size_limit=int((gigabytes or 0) * 2**30),
                eviction_policy="none" if gigabytes is None else "least-recently-stored",
                cull_limit=_EVICTED,
            )
        except _BROKEN as error:
            raise DataError(f"cannot hold a cache: {error}", folder) from None

    def known(self, queries: Sequence[str], k: int) -> list[Ranking | None]:
        """What is kept of each query; None where it has to be searched. Microseconds a query."""
        keys = [self._key(query, k) for query in queries]
        try:
            entries = [self._entries.get(key) for key in keys]
        except _BROKEN as error:
            self._tell(error)
            return [None] * len(queries)
        return [_ranking(key, entry) for key, entry in zip(keys, entries, strict=True)]

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`. The entries of one call are kept together or not at all."""
        known = dict(zip(queries, self.known(queries, k), strict=True))
        missing = [query for query, ranking in known.items() if ranking is None]
        found = dict(zip(missing, self._ranker.rank(missing, k), strict=True)) if missing else {}
        self._keep(found, k)
        return [found[query] if (ranking := known[query]) is None else ranking for query in queries]

    def close(self) -> None:
        """Let go of the folder."""
        self._entries.close()

    def _keep(self, found: dict[str, Ranking], k: int) -> None:
        try:
            with self._entries.transact():
                for query, ranking in found.items():
                    key, content = self._key(query, k), np.array(ranking, dtype=_ENTRY).tobytes()
                    self._entries.set(key, _checksum(key, content) + content)
        except _BROKEN as error:
            self._tell(error)

    def _key(self, query: str, k: int) -> str:
        return hashlib.sha256(json.dumps([self._index, k, query]).encode()).hexdigest()

    def _tell(self, error: Exception) -> None:
        """Once: a cache that fails (a full disk, say) makes searches slower and nothing else."""
        if not self._told:
            logging.getLogger(__name__).warning(
                "%s: the cache of searches fails, which costs time only: %s", self._entries.directory, error
            )
        self._told = True


class _Bytes(Disk):
    """Values are what was stored, as bytes: nothing that lies in the folder is ever unpickled."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes | None:
        """The bytes of an entry; None for what no `CachedRanker` has written."""
        return value if mode == MODE_RAW and isinstance(value, bytes) else None


def _checksum(key: str, content: bytes) -> bytes:
    return hashlib.blake2b(key.encode() + content, digest_size=_CHECKSUM).digest()


def _ranking(key: str, entry: bytes | None) -> Ranking | None:
    """What an entry says; None if there is none, or it is not as it was written under this key."""
    if entry is None or entry[:_CHECKSUM] != _checksum(key, entry[_CHECKSUM:]):
        return None
    return np.frombuffer(entry, dtype=_ENTRY, offset=_CHECKSUM).tolist()
