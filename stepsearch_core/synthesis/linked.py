"""Multi-hop questions from documents alone: a language model asks across two passages that are linked.

Two passages are linked where one names in a capitalised span what the other is titled by; this name is the
bridge. The model writes a question across them, with both steps and the answer. A question is kept if it
names neither bridge nor answer, and if the same model answers it with both passages, but not with either
alone and not without any. Departure from the paper, which has only MuSiQue's questions: there is no such
pipeline in it. A model that answers poorly, or knows the documents, leaves few questions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from stepsearch_core.base.hashes import sha256_json
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.text import holds, normalize_answer
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import Endpoint, EndpointError, Reason
from stepsearch_core.endpoint.forms import line, not_blank
from stepsearch_core.endpoint.many import Request, ask_all
from stepsearch_core.metrics.answers import overlap_f1
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.facts import name_of
from stepsearch_core.synthesis.sub_questions import names
from stepsearch_core.synthesis.told import told

DATASET = "linked"
"""Of the questions that are made."""
MEANS = 0.5
"""Word F1 of a reply to an answer from which on it may mean it."""
LOOKED_AT = 50
"""Passages, for each pair that is wanted, in which links are looked for at most."""
_BATCH = 64
_CHAIN_TOKENS = 300
_ANSWER_TOKENS = 60


class Chain(BaseModel):
    """A model's reply to two passages."""

    model_config = ConfigDict(extra="forbid")
    first: Annotated[str, not_blank, line(120)]
    second: Annotated[str, not_blank, line(120)]
    answer: Annotated[str, not_blank, line(60)]
    question: Annotated[str, not_blank, line(120)]


class Answer(BaseModel):
    """A model's reply to a question."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[str, line(60)]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two passages, of which the first names the second."""

    first: Passage
    second: Passage

    @property
    def bridge(self) -> str:
        """The name."""
        return name_of(self.second)


ROUNDS = (
    ("not answered with both passages", lambda pair: (pair.first, pair.second), True),
    ("answered with the first passage alone", lambda pair: (pair.first,), False),
    ("answered with the second passage alone", lambda pair: (pair.second,), False),
    ("answered without any passage", lambda pair: (), False),
)
"""Why a question is dropped, with which passages it is asked, and whether it has to be answered then."""


def make_linked(
    corpus: Corpus,
    retriever: Retriever,
    endpoint: Endpoint,
    params: Params,
    tested: Callable[[str, str], bool] = lambda first, second: False,
) -> tuple[list[Question], dict[str, Any]]:
    """Questions across `synthesize.linked_pairs` pairs, and how many were left out for what.

    Args:
        corpus: has the passages.
        retriever: finds what a name titles, among its `synthesize.key_depth` first results.
        endpoint: writes and answers.
        params: these two, the seed, and the prompts.
        tested: says of the ids of two passages that a question of the test joins them: they are left out.

    Raises:
        ExplainedError: the service does not answer.
        RetrievalError: the retriever failed.
    """
    own = params.synthesize
    found = linked_pairs(corpus, retriever, LOOKED_AT * own.linked_pairs, own.key_depth, params.seed)
    free = (pair for pair in found if not tested(pair.first.id, pair.second.id))
    bar = tqdm(free, "looking for linked passages", own.linked_pairs, unit=" pairs")
    pairs = list(islice(bar, own.linked_pairs))
    dropped = Counter[str]()
    made: list[tuple[Pair, Chain]] = []
    chains = ask_all(endpoint, chain_requests(pairs, params), "questions across passages")
    for pair, written in zip(pairs, chains, strict=True):
        if isinstance(written, EndpointError):
            dropped[written.counted_as] += 1
        elif problem := flaw(pair, written):
            dropped[problem] += 1
        else:
            made.append((pair, written))
    for problem, passages, wanted in ROUNDS:
        requests = answer_requests([(chain.question, passages(pair)) for pair, chain in made], params)
        answers = ask_all(endpoint, requests, f"what is {problem}") if requests else []
        kept = []
        for (pair, chain), reply in zip(made, answers, strict=True):
            declined = isinstance(reply, EndpointError) and reply.reason is Reason.DECLINED
            if isinstance(reply, EndpointError) and not declined:
                dropped[reply.counted_as] += 1
            elif (isinstance(reply, Answer) and _answers(reply, chain, strict=wanted)) is wanted:
                kept.append((pair, chain))
            else:
                dropped[problem] += 1
        made = kept
    counts = {"pairs": len(pairs), "kept": len(made), "dropped": dict(sorted(dropped.items()))}
    return [_question(pair, chain) for pair, chain in made], counts


def linked_pairs(corpus: Corpus, retriever: Retriever, most: int, depth: int, seed: int) -> Iterator[Pair]:
    """Linked passages, at most one pair for each first one, in a drawn order.

    Args:
        corpus: has the passages.
        retriever: of it.
        most: passages that are looked at.
        depth: of results among which a name's passage is looked for.
        seed: of the order.
    """
    order = draws(seed, Name.LINKS).sample(range(len(corpus)), min(most, len(corpus)))
    for start in range(0, len(order), _BATCH):
        firsts = [corpus[position] for position in order[start : start + _BATCH]]
        spans = {first.id: _spans(first) for first in firsts}
        queries = list(dict.fromkeys(span for own in spans.values() for span in own))
        hits = retriever.search(queries, depth) if queries else []
        titled = {
            query: [hit.passage for hit in of_query if _same(name_of(hit.passage), query)]
            for query, of_query in zip(queries, hits, strict=True)
        }
        for first in firsts:
            seconds = (second for span in spans[first.id] for second in titled[span])
            if second := next((other for other in seconds if other.title != first.title), None):
                yield Pair(first, second)


def chain_requests(pairs: Sequence[Pair], params: Params) -> list[Request[Chain]]:
    """What is asked for each pair."""
    prompt = told("linked", params.synthesize.prompts)
    asked = (
        {"first": _shown(pair.first), "second": _shown(pair.second), "bridge": pair.bridge} for pair in pairs
    )
    return [Request(prompt, json.dumps(one, ensure_ascii=False), Chain, _CHAIN_TOKENS) for one in asked]


def answer_requests(
    questions: Sequence[tuple[str, Sequence[Passage]]], params: Params
) -> list[Request[Answer]]:
    """What is asked about each question with some passages."""
    prompt = told("answer", params.synthesize.prompts)
    asked = (
        {"question": question, "passages": list(map(_shown, passages))} for question, passages in questions
    )
    return [Request(prompt, json.dumps(one, ensure_ascii=False), Answer, _ANSWER_TOKENS) for one in asked]


def flaw(pair: Pair, chain: Chain) -> str | None:
    """What shows in a chain itself that it does not do; None: nothing."""
    if not holds(pair.second.contents, chain.answer):
        return "the answer does not stand in the second passage"
    if holds(chain.question, pair.bridge) or holds(chain.question, chain.answer):
        return "the question names the bridge or the answer"
    if holds(chain.first, pair.bridge) or holds(chain.second, chain.answer):
        return "a step gives its answer away"
    if not holds(chain.second, pair.bridge):
        return "the second step does not name the bridge"
    return None


def _answers(reply: Answer, chain: Chain, strict: bool) -> bool:
    """Whether a reply holds the answer; not strictly, whether it may mean it: what is left out must not."""
    if strict:
        return holds(reply.answer, chain.answer)
    said, meant = normalize_answer(reply.answer), normalize_answer(chain.answer)
    return holds(said, meant) or holds(meant, said) or overlap_f1(said, meant) >= MEANS


def _spans(passage: Passage) -> list[str]:
    """The names in a passage's text but for its own."""
    return [span for span in names(passage.text) if not holds(passage.title, span)]


def _same(name: str, other: str) -> bool:
    return normalize_answer(name) == normalize_answer(other)


def _shown(passage: Passage) -> dict[str, str]:
    return {"title": passage.title, "text": passage.text}


def _question(pair: Pair, chain: Chain) -> Question:
    hops = (
        Hop(chain.first.strip(), pair.bridge, (pair.first.id,)),
        Hop(chain.second.strip(), chain.answer.strip(), (pair.second.id,)),
    )
    text = chain.question.strip()
    identifier = f"{DATASET}_{sha256_json([text, pair.first.id, pair.second.id])[:16]}"
    return Question(identifier, DATASET, "train", text, (chain.answer.strip(),), hops)
