"""What is searched, told by hashes: searches of equal fingerprints find the same passages.

A result carries the fingerprint of its retriever, a cache is keyed by it, and a client refuses a service
that searches another corpus than its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.io import read_object
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import METHODS, RetrievalParams

INDEX_HEADER = "X-Index"
"""A header of a service's answers: the `index` that was searched for them."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The corpus's content hash and size, a hash of index and search settings, and `retrieval.method`."""

    corpus: str
    passages: int
    index: str
    method: str


def fingerprint(params: RetrievalParams, folder: Path | str, corpus: Corpus) -> Fingerprint:
    """The fingerprint of what `index.open_retriever` opens with the same arguments.

    `index` hashes what the manifest says of the indexes that the method searches (corpus, settings,
    versions) and what the search adds: the method, how thoroughly vectors are searched, what prompt queries
    get and, where rankings are fused, the fusion's constant.

    Of `remote` it is what the service says.

    Raises:
        DataError: there is no index in `folder`.
        RetrievalError: the service does not answer.
    """
    if params.method == "remote":
        from stepsearch_core.retrieval.remote import ask_fingerprint, open_client

        return ask_fingerprint(open_client(params))
    manifest = read_object(Path(folder) / "manifest.json", ("corpus", "settings"))
    settings = {name: manifest["settings"].get(name) for name in METHODS[params.method]}
    searched: dict[str, Any] = {"manifest": {**manifest, "settings": settings}, "method": params.method}
    if params.method == "hybrid":
        searched["fusion_constant"] = params.fusion_constant
    if "dense" in settings:
        searched["index_search"] = params.index_search
        if params.encoder != "hashing":
            searched["query_prompt"] = params.query_prompt
    return Fingerprint(corpus.hash, len(corpus), sha256_json(searched), params.method)
