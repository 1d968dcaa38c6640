"""The loop that search agents are usually sampled with, for comparison: all wait for the slowest.

Greedy, benchmark by benchmark or whatever comes together, and batch by batch. A turn of all live episodes is
written at once, and then all search at once. Turns are written by `generated`, `model.generate` of
transformers: contexts are prefilled anew each turn, the text is decoded, cut after the action and encoded
again; with stop strings a turn ends when its last row has closed an action; without them, as in the released
code, every turn is decoded to its limit and the rest is thrown away. Or by `of_engine`, our engine, in which
turns stop by themselves: it is asked anew for every turn with the whole contexts, as a service or a call of
`generate` is, or keeps its cache from turn to turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from stepsearch_core.base.types import ActionKind, Question, Trajectory
from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.retrieval.retriever import Retriever
from stepsearch_core.sampling.engine import Engine, Generation, Session, TurnRequest

Write = Callable[[Sequence[Episode]], Sequence[tuple[list[int], str]]]
"""Token ids and text of one turn of each episode."""


def play(
    retriever: Retriever, renderer: Renderer, questions: Sequence[Question], batch_size: int, write: Write
) -> list[Trajectory]:
    """One greedy trajectory a question, batch after batch."""
    episodes = [Episode(question, 0, renderer) for question in questions]
    for start in range(0, len(episodes), batch_size):
        batch = episodes[start : start + batch_size]
        while live := [episode for episode in batch if not episode.done]:
            _turn(retriever, renderer, live, write)
    return [episode.trajectory for episode in episodes]


def _turn(retriever: Retriever, renderer: Renderer, live: list[Episode], write: Write) -> None:
    searching = []
    for episode, (ids, text) in zip(live, write(live), strict=True):
        action = episode.act(ids, None, text)
        if not episode.done and action.kind is ActionKind.SEARCH:
            searching.append((episode, action.text))
        elif not episode.done:
            episode.observe(None)
    if searching:
        hits = retriever.search([query for _, query in searching], renderer.params.passages_per_search)
        for (episode, _), found in zip(searching, hits, strict=True):
            episode.observe([hit.passage for hit in found])


def of_engine(engine: Engine, capacity: int, keeps_cache: bool) -> Write:
    """Turns by an engine, with contexts of at most `capacity` tokens."""
    session: Session
    slots: dict[int, int] = {}  # by the identity of an episode that the session knows
    held: list[Episode] = []  # these, so that no other gets the identity of one of them

    def write(live: Sequence[Episode]) -> list[tuple[list[int], str]]:
        nonlocal session
        known = keeps_cache and id(live[0]) in slots
        if not known:
            session = engine.session(len(live), capacity)
            held[:] = live
            slots.clear()
            slots.update({id(episode): slot for slot, episode in enumerate(live)})
        for episode in live:
            slot = slots[id(episode)]
            if not known:
                session.open(slot, None)
            tokens = episode.new_tokens if known else episode.trajectory.token_ids
            session.submit(slot, TurnRequest(list(tokens), episode.turn_tokens))
        made: dict[int, Generation] = {}
        while len(made) < len(live):
            made |= session.advance()
        turns = [made[slots[id(episode)]] for episode in live]
        return [(turn.token_ids, turn.text) for turn in turns]

    return write


def generated(model: PreTrainedModel, tokenizer: Any, stop_strings: bool) -> Write:
    """Turns by `model.generate`."""

    @torch.no_grad()
    def write(live: Sequence[Episode]) -> list[tuple[list[int], str]]:
        contexts = [episode.trajectory.token_ids for episode in live]
        longest = max(map(len, contexts))
        ids = torch.full((len(contexts), longest), tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, context in enumerate(contexts):  # padded on the left, as `generate` wants it
            ids[row, longest - len(context) :] = torch.tensor(context)
            mask[row, longest - len(context) :] = 1
        stops, closing = _stops(tokenizer) if stop_strings else ({}, [])
        made: Any = model.generate(  # type: ignore[operator]
            input_ids=ids,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=max(episode.turn_tokens for episode in live),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=[tokenizer.eos_token_id, *closing],
            **stops,
        )
        turns = []
        for episode, row in zip(live, made[:, longest:].tolist(), strict=True):
            text = _cut(tokenizer.decode(row[: episode.turn_tokens], skip_special_tokens=True))
            turns.append((tokenizer.encode(text, add_special_tokens=False), text))
        return turns

    return write


def _stops(tokenizer: Any) -> tuple[dict[str, Any], list[int]]:
    """Arguments of `generate` that end a turn, and ids that do: of tags that are tokens, as in the default
    profile, with whose tokenizer `stop_strings` does not work.
    """
    ids = [tokenizer.encode(stop, add_special_tokens=False) for stop in STOP_STRINGS]
    if all(len(tokens) == 1 for tokens in ids):
        return {}, [token for tokens in ids for token in tokens]
    return {"stop_strings": list(STOP_STRINGS), "tokenizer": tokenizer}, []


def _cut(text: str) -> str:
    """The text up to the first closed action."""
    ends = [text.find(stop) + len(stop) for stop in STOP_STRINGS if stop in text]
    return text[: min(ends)] if ends else text
