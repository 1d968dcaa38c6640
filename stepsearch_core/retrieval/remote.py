"""A ranker behind a retrieval service: many processes share one index, its memory and its cache.

The service names passages by their ids, which the local corpus turns into positions: the texts that a policy
is shown are its own corpus'. A service over another corpus is refused, and so is every answer from another
index than the first one's, as after a restart with other settings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import httpx

from stepsearch_core.base.errors import DataError
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.fingerprint import INDEX_HEADER, Fingerprint
from stepsearch_core.retrieval.retriever import FinalRetrievalError, Ranking
from stepsearch_core.retrieval.service_client import ServiceClient

QUERIES = 64
"""Of a request at most."""
MAX_QUERY_CHARACTERS = 8192
"""More than a policy writes in a turn: what a service takes as one query."""


class RemoteRanker:
    """Ranks positions of a corpus as a service does that searches the same corpus."""

    def __init__(self, client: ServiceClient, corpus: Corpus) -> None:
        """Ask what is served.

        Raises:
            DataError: another corpus.
            RetrievalError: no answer (see `ServiceClient.ask`).
        """
        self._client, self._corpus = client, corpus
        self.fingerprint = ask_fingerprint(client)
        """What the service searches."""
        check_corpus(self.fingerprint, corpus.hash, client.url)

    def rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        """See `Ranker.rank`; of many queries some at a time.

        A query is cut after `MAX_QUERY_CHARACTERS`, and a lone surrogate, which is no text, becomes "?".

        Raises:
            RetrievalError: no answer (see `ServiceClient.ask`), or one from another index than at first.
        """
        rankings: list[Ranking] = []
        for start in range(0, len(queries), QUERIES):
            rankings += self._rank(queries[start : start + QUERIES], k)
        return rankings

    def _rank(self, queries: Sequence[str], k: int) -> list[Ranking]:
        def read(response: httpx.Response) -> list[Ranking]:
            self._check_index(response)
            return read_rankings(response.json(), self._corpus, len(queries), k)

        body = {"queries": list(map(_sent, queries)), "topk": k, "return_scores": True}
        return self._client.ask("/retrieve", read, body)

    def _check_index(self, response: httpx.Response) -> None:
        index = self.fingerprint.index
        if (searched := response.headers.get(INDEX_HEADER, index)) != index:
            raise FinalRetrievalError(
                f"{self._client.url} searched the index {index} at first and now searches {searched}:"
                " start it as it was, or begin this stage anew"
            )


def _sent(query: str) -> str:
    """What a service takes in a query's place: it would refuse all of a request for one query in it."""
    return query[:MAX_QUERY_CHARACTERS].encode(errors="replace").decode()


def open_client(params: RetrievalParams) -> ServiceClient:
    """For the service at `params.url`."""
    return ServiceClient(str(params.url), params.patience)


def searched_service(params: RetrievalParams) -> dict[str, Any]:
    """What results depend on besides what is here: what the service serves; nothing for a local index.

    Raises:
        RetrievalError: it does not answer within `params.patience`.
    """
    return {"service": asdict(ask_fingerprint(open_client(params)))} if params.method == "remote" else {}


def ask_fingerprint(client: ServiceClient) -> Fingerprint:
    """What a service searches.

    Raises:
        RetrievalError: no answer (see `ServiceClient.ask`).
    """
    return client.ask("/fingerprint", _read_fingerprint)


def check_corpus(fingerprint: Fingerprint, corpus: str, url: str) -> None:
    """Compare a service's corpus with the one here, by their hashes.

    Raises:
        DataError: they differ.
    """
    if fingerprint.corpus != corpus:
        raise DataError(
            f"the service searches the corpus {fingerprint.corpus}, and data/corpus is {corpus}: let"
            " `stepsearch serve-retriever` serve this corpus, or name another service in retrieval.url",
            url,
            field="corpus",
        )


def read_rankings(answer: Any, corpus: Corpus, queries: int, k: int) -> list[Ranking]:
    """The ranking of each query from `{"result": [[{"document": {"id": ...}, "score": ...}, ...], ...]}`.

    Raises:
        ValueError, TypeError or LookupError: it is none, or not of so many queries with at most `k` passages
            of this corpus each.
    """
    found = [[(hit["document"]["id"], hit["score"]) for hit in hits] for hits in answer["result"]]
    if len(found) != queries:
        raise ValueError(f"{len(found)} results for {queries} queries")
    return [_ranking(hits, corpus, k) for hits in found]


def _ranking(hits: Sequence[tuple[Any, Any]], corpus: Corpus, k: int) -> Ranking:
    if len(hits) > k:
        raise ValueError(f"{len(hits)} passages, where {k} were asked for")
    for name, score in hits:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no id")
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            raise TypeError(f"{score!r} is no score")
    positions = corpus.positions([name for name, _ in hits]).tolist()
    if -1 in positions:
        raise LookupError(f"the corpus has no passage {hits[positions.index(-1)][0]!r}")
    return [(position, float(score)) for position, (_, score) in zip(positions, hits, strict=True)]


def _read_fingerprint(response: httpx.Response) -> Fingerprint:
    body = response.json()
    return Fingerprint(**{field.name: body[field.name] for field in fields(Fingerprint)})
