"""The retrieval service: it answers in time, as deep as it is asked, over the corpus here."""

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
    searched = (params.retrieval.method, *params.index.measured_methods, *params.synthesize.sources)
    if "remote" not in searched:
        return
    yield from _check_patience(subject)
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
    if "remote" in params.index.measured_methods and subject.comes("index"):
        yield from _check_depth(subject, client)


def _check_patience(subject: Subject) -> Iterator[Finding]:
    limit, patience = subject.params.rollout.retrieval_timeout, subject.params.retrieval.patience
    if subject.params.retrieval.method == "remote" and limit is not None and limit < patience:
        problem = f"searches end after {limit:g} s, before retrieval.patience, {patience:g} s, is over"
        yield subject.warning("rollout.retrieval_timeout", problem, "set it above retrieval.patience")


def _check_depth(subject: Subject, client: ServiceClient) -> Iterator[Finding]:
    """A search for nothing tells whether a service gives as many passages as are to be measured."""
    depth = max(subject.params.index.measured_depths)
    try:
        client.ask("/retrieve", lambda response: None, {"queries": [], "topk": depth})
    except RetrievalError as error:
        remedy = f"start the service with --topk-limit {depth}, or measure less deep"
        yield subject.warning("index.measured_depths", str(error), remedy)


def _corpus(subject: Subject) -> str | None:
    """The hash of the corpus that is here; None without one."""
    try:
        return str(read_manifest(subject.data / "corpus")["hash"])
    except DataError:
        return None
