"""The retrieval service: it answers, and searches the corpus that is here."""

from __future__ import annotations

from collections.abc import Iterator

from stepsearch_core.base.errors import DataError
from stepsearch_core.checking.finding import Finding, Severity
from stepsearch_core.checking.subject import Subject
from stepsearch_core.data.corpus import read_manifest
from stepsearch_core.retrieval.remote import ask_fingerprint, check_corpus
from stepsearch_core.retrieval.retriever import RetrievalError
from stepsearch_core.retrieval.service_client import ServiceClient

SECONDS = 3.0
"""In which a service has to say what it serves."""
KEY = "retrieval.url"


def check_service(subject: Subject) -> Iterator[Finding]:
    """A service that is to be searched is there, ready, and over this corpus."""
    params = subject.params
    if "remote" not in (params.retrieval.method, *params.index.measured_methods):
        return
    client = ServiceClient(str(params.retrieval.url), SECONDS)
    try:
        client.ask("/ready", lambda response: None)
        fingerprint = ask_fingerprint(client)
    except RetrievalError as error:
        remedy = "`stepsearch serve-retriever` where its index is, before a stage searches it"
        yield subject.warning(KEY, str(error), remedy)
        return
    corpus = _corpus(subject)
    try:
        if corpus:
            check_corpus(fingerprint, corpus, client.url)
    except DataError as error:
        # of a corpus that is still to be made another may come out
        severity = Severity.WARNING if subject.comes("corpus") else Severity.ERROR
        yield subject.finding(severity, KEY, error.problem, "")


def _corpus(subject: Subject) -> str | None:
    """The hash of the corpus that is here; None without one."""
    try:
        return str(read_manifest(subject.data / "corpus")["hash"])
    except DataError:
        return None
