"""The stage: questions with search keys, split into training and validation, and warm-start trajectories.

Everything dropped is counted by its reason in the report. A hop without a working key keeps its place,
since its support still earns information gain.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import atomic_folder, write_json, write_jsonl
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.base.types import Question
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint
from stepsearch_core.environment.questions import those_that_fit
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.metrics.measures import BY_KEY
from stepsearch_core.params import Params
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.synthesis.dataset import write_dataset
from stepsearch_core.synthesis.filtering import KeyCounts, add_search_keys
from stepsearch_core.synthesis.held_out import SHARED, HeldOut, normal
from stepsearch_core.synthesis.key_model import Model
from stepsearch_core.synthesis.key_writers import KeyWriter, Rules
from stepsearch_core.synthesis.phrasings import PHRASINGS, Background, PhrasingMiner
from stepsearch_core.synthesis.questions import write_questions
from stepsearch_core.synthesis.statistics import (
    by_dataset,
    by_reward,
    describe_relations,
    describe_trajectories,
)
from stepsearch_core.synthesis.steps import give_steps, rewarded
from stepsearch_core.synthesis.sub_questions import parse_hops
from stepsearch_core.synthesis.warmstart import make_trajectories

MANY_WITHOUT_KEY = 0.5
"""Share of hops without a search key beyond which the log says so."""
BACKGROUND_PASSAGES = 50_000
"""Word frequencies of the corpus are taken from at most this many passages, evenly spaced."""


def synthesize(
    questions: Sequence[Question],
    corpus: Corpus,
    retriever: Retriever,
    renderer: Renderer,
    params: Params,
    folder: Path | str,
    *,
    sources: Mapping[str, Retriever],
    held_out: Iterable[Question] = (),
) -> dict[str, Any]:
    """Write `train.jsonl`, `validation.jsonl`, `trajectories.jsonl`, `dataset` and `report.json`.

    Args:
        questions: Of the training files; those without steps get some or are left out (`steps`).
        corpus: Gives support passages and the words of the corpus.
        retriever: Answers the warm start's searches.
        renderer: Says which results are shown and which questions fit into a prompt.
        params: Sections `synthesize` and `environment`, and the seed.
        folder: Replaced as a whole.
        sources: Judge the keys.
        held_out: Test questions: what asks for the same, or a hop for the same, is left out.

    Returns:
        The report.

    Raises:
        DataError: no question would be left for training, too many do not fit into a prompt, or no
            warm-start trajectory succeeded.
        ExplainedError: a language model is asked and does not answer, or wrote nothing that can be used.
        RetrievalError: the retriever failed.
    """
    tested = HeldOut(held_out)
    endpoint = open_endpoint(params) if params.synthesize.asks else None
    stepped, steps = give_steps(
        questions,
        corpus,
        params,
        retriever=retriever,
        show=renderer.shown,
        endpoint=endpoint,
        held_out=tested,
    )
    usable, dropped = _usable(stepped, corpus, renderer, tested, params.synthesize.keep_bare)
    if not usable:
        raise DataError(f"no question can be trained on: {_why(steps, dropped)}", "params", field="fetch")
    train, validation = _split(usable, params.synthesize.validation_questions, params.seed)
    in_steps = [question for question in train if question.has_decomposition]
    mined = mine_phrasings(in_steps, corpus)
    if endpoint and params.synthesize.generator == "endpoint":
        write: KeyWriter = Model(params.synthesize, endpoint)
    else:
        write = Rules(mined, corpus.get)
    whole = [question for question in (*train, *validation) if question.has_decomposition]
    made, keys = add_search_keys(whole, write, params.synthesize, sources, corpus.get, renderer.shown)
    with_keys = {question.id: question for question in made}
    keyed = [with_keys.get(question.id, question) for question in (*train, *validation)]
    _warn(keys)
    trajectories = make_trajectories(
        in_steps,
        mined,
        params.synthesize,
        params.environment,
        retriever=retriever,
        show=renderer.shown,
        seed=params.seed,
    )
    if in_steps and not trajectories:
        raise DataError(
            "no attempt at any question was shown its supports", "params", field="synthesize.trajectories"
        )
    asked_for = params.synthesize.trajectories if in_steps else 0
    report = {
        "questions": {
            "read": len(questions),
            "steps": steps,
            "train": len(train),
            "validation": len(validation),
            "dropped": dropped,
            "by_reward": by_reward([*train, *validation]),
            "by_dataset": by_dataset(stepped, [*train, *validation]),
        },
        "search_keys": keys.to_json(),
        **({"endpoint": endpoint.usage.to_json(params.endpoint)} if endpoint else {}),
        "relations": describe_relations(mined),
        "trajectories": {
            "asked_for": asked_for,
            "dropped, no attempt was shown every support": asked_for - len(trajectories),
            **describe_trajectories(trajectories, train),
        },
    }
    with atomic_folder(folder) as temporary:
        write_questions(temporary / "train.jsonl", keyed[: len(train)])
        write_questions(temporary / "validation.jsonl", keyed[len(train) :])
        write_jsonl(temporary / "trajectories.jsonl", (trajectory.to_json() for trajectory in trajectories))
        write_dataset(
            temporary / "dataset",
            {"train": keyed[: len(train)], "validation": keyed[len(train) :]},
            corpus.get,
            sources=list(sources),
            depth=params.synthesize.key_depth,
        )
        write_json(temporary / PHRASINGS, mined)
        write_json(temporary / "report.json", report)
    return report


def open_endpoint(params: Params) -> Endpoint:
    """The service and model that write keys, steps and questions; replies are kept for the next run."""
    return Endpoint(params.endpoint, str(params.synthesize.generator_model), REPLIES)


def _warn(keys: KeyCounts) -> None:
    """Of what makes search keys rare."""
    hops = keys.hops_by_keys.total()
    if keys.hops_by_keys[0] > MANY_WITHOUT_KEY * hops:
        logging.getLogger("synthesize").warning(
            "search keys: %.0f%% of %d hops have none: report.json says why",
            100 * keys.hops_by_keys[0] / hops,
            hops,
        )
    measure = BY_KEY["hidden_passages"]
    share = keys.passages["not shown"] / max(1, keys.passages["found"])
    if measure.is_beyond(share):
        logging.getLogger("synthesize").warning("search keys: %.1f%% %s", 100 * share, measure.problem)


def mine_phrasings(questions: Sequence[Question], corpus: Corpus) -> dict[str, tuple[str, ...]]:
    """The words by which the supports of these questions' hops phrase each relation."""
    miner = PhrasingMiner()
    for question in questions:
        for hop, sub_question in parse_hops(question):
            for passage in map(corpus.get, hop.support_ids):
                names = (passage.title, sub_question.entity, hop.sub_answer)
                miner.add(sub_question.relation, passage.id, passage.contents, names)
    stride = -(-len(corpus) // BACKGROUND_PASSAGES)
    sample = tqdm(range(0, len(corpus), stride), desc="corpus words", unit=" passages")
    return miner.mine(Background.count(corpus[position].contents for position in sample))


def _usable(
    questions: Sequence[Question], corpus: Corpus, renderer: Renderer, held_out: HeldOut, keep_bare: bool
) -> tuple[list[Question], dict[str, int]]:
    """The questions that can be trained on, and why the others cannot; without hops those kept for their
    answers alone.
    """
    reasons = ("no decomposition", "a hop without support", "support not in the corpus", "asked before")
    dropped = Counter(dict.fromkeys((*reasons, *SHARED), 0))
    usable, asked_before = [], set[str]()
    for question in questions:
        text = normal(question.question)
        shared = held_out.shares(question)  # of all its hops, whatever is left of them
        if keep_bare:
            question = rewarded(question, corpus)
        if not all(support_id in corpus for support_id in question.support_ids):
            dropped["support not in the corpus"] += 1
        elif not keep_bare and not question.has_decomposition:
            dropped["no decomposition"] += 1
        elif not all(hop.support_ids for hop in question.hops):
            dropped["a hop without support"] += 1
        elif shared:
            dropped[shared] += 1
        elif text in asked_before:
            dropped["asked before"] += 1
        else:
            asked_before.add(text)
            usable.append(question)
    asked = those_that_fit(usable, renderer)
    dropped["too long for the prompt"] = len(usable) - len(asked)
    return asked, dict(dropped)


def _why(steps: Mapping[str, Any], dropped: Mapping[str, int]) -> str:
    """Why there is no question: what was left out for what, or that there was nothing."""
    by_model = (counts["dropped"] for counts in steps.values() if isinstance(counts, Mapping))
    reasons = [f"{count} x {why}" for some in (dropped, *by_model) for why, count in some.items() if count]
    nothing = "none was fetched; name a file of them, or set synthesize.linked_pairs"
    return ", ".join(reasons) or nothing


def _split(
    questions: Sequence[Question], validation: int, seed: int
) -> tuple[list[Question], list[Question]]:
    """Training and validation questions: after a shuffle the last `validation` ones are kept apart."""
    if len(questions) <= validation:
        problem = f"{validation} leave none of {len(questions)} usable questions for training"
        raise DataError(problem, "params", field="synthesize.validation_questions")
    shuffled = draws(seed, Name.SPLIT).sample(questions, len(questions))
    return shuffled[: len(questions) - validation], shuffled[len(questions) - validation :]
