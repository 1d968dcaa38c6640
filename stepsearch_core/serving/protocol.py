"""The JSON of `POST /retrieve`: what Search-R1's retrieval server takes and gives, and its clients expect.

A document's `contents` are its title in quotes, a line end, its text: so wiki-18 is published, and so
clients take it apart. Without scores Search-R1 gives documents alone. `title` and `text` are apart as well,
as its BM25 search has them.

RAGEN's client, which is rllm's, posts one `query` with `top_k` to the same path, and reads `results`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.retrieval.remote import MAX_QUERY_CHARACTERS
from stepsearch_core.retrieval.retriever import Ranking
from stepsearch_core.serving.settings import MAX_QUERIES


def _no_truth_value(value: Any) -> Any:
    """`true` would count as 1."""
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


Count = Annotated[int, BeforeValidator(_no_truth_value)]
Query = Annotated[str, Field(max_length=MAX_QUERY_CHARACTERS)]


class RetrieveRequest(BaseModel):
    """Queries, how many documents each may find (null or 0: the server's default), and whether to score."""

    queries: list[Query] = Field(max_length=MAX_QUERIES)
    topk: Count | None = Field(None, ge=0)
    return_scores: bool = False


class SingleRequest(BaseModel):
    """One query, and how many documents it may find (null or 0: the server's default)."""

    query: Query
    top_k: Count | None = Field(None, ge=0)


def _kind(value: Any) -> str:
    keys = value if isinstance(value, dict) else {}
    return "single" if "query" in keys and "queries" not in keys else "batch"


AnyRequest = Annotated[
    Annotated[RetrieveRequest, Tag("batch")] | Annotated[SingleRequest, Tag("single")], Discriminator(_kind)
]


class Document(BaseModel):
    """A passage of the corpus; `contents` is `"title"`, a line end, `text`."""

    id: str
    contents: str
    title: str
    text: str


class ScoredDocument(BaseModel):
    """A document with the method's own score, comparable within one query only."""

    document: Document
    score: float


class RetrieveResponse(BaseModel):
    """For each query its documents, best first; without scores if none were asked for."""

    result: list[list[ScoredDocument]] | list[list[Document]]


class FoundDocument(BaseModel):
    """A passage for a `SingleRequest`; `content` is the title, a line end, the text."""

    id: str
    content: str
    score: float


class SingleResponse(BaseModel):
    """The documents of the one query, best first."""

    results: list[FoundDocument]


class ErrorResponse(BaseModel):
    """Why there are no documents: a word for programs, a sentence for people."""

    error: str
    message: str


def encode(rankings: Sequence[Ranking], corpus: Corpus | Sequence[Passage], scored: bool) -> bytes:
    """The body of a `RetrieveResponse`; floats are written so that they are read back to the last bit."""
    result = [
        [
            {"document": document(corpus[position]), "score": score}
            if scored
            else document(corpus[position])
            for position, score in ranking
        ]
        for ranking in rankings
    ]
    return json.dumps({"result": result}, ensure_ascii=False).encode()


def encode_single(ranking: Ranking, corpus: Corpus | Sequence[Passage]) -> bytes:
    """The body of a `SingleResponse`."""
    found = [(corpus[position], score) for position, score in ranking]
    results = [{"id": passage.id, "content": passage.contents, "score": score} for passage, score in found]
    return json.dumps({"results": results}, ensure_ascii=False).encode()


def document(passage: Passage) -> dict[str, str]:
    """The fields of a `Document`."""
    contents = f'"{passage.title}"\n{passage.text}'
    return {"id": passage.id, "contents": contents, "title": passage.title, "text": passage.text}
