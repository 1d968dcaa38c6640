"""The loop that search agents are usually sampled with, for comparison: all wait for the slowest.

Each turn prefills the whole contexts anew with `model.generate`, decodes the text, cuts it after the action,
encodes it again and searches for all at once. With stop strings a turn ends when its last row has closed an
action; without them, as in the released code, every turn is decoded to its limit and the rest is thrown
away. Greedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from stepsearch_core.base.types import ActionKind, Question, Trajectory
from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.retrieval.retriever import Retriever


def play(
    model: PreTrainedModel,
    tokenizer: Any,
    retriever: Retriever,
    renderer: Renderer,
    questions: Sequence[Question],
    *,
    batch_size: int,
    stop_strings: bool,
) -> list[Trajectory]:
    """One greedy trajectory a question, batch after batch."""
    episodes = [Episode(question, 0, renderer) for question in questions]
    for start in range(0, len(episodes), batch_size):
        batch = episodes[start : start + batch_size]
        while live := [episode for episode in batch if not episode.done]:
            _turn(model, tokenizer, retriever, renderer, live, stop_strings)
    return [episode.trajectory for episode in episodes]


@torch.no_grad()
def _turn(
    model: PreTrainedModel,
    tokenizer: Any,
    retriever: Retriever,
    renderer: Renderer,
    live: list[Episode],
    stop_strings: bool,
) -> None:
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
    searching = []
    for episode, row in zip(live, made[:, longest:].tolist(), strict=True):
        text = _cut(tokenizer.decode(row[: episode.turn_tokens], skip_special_tokens=True))
        action = episode.act(tokenizer.encode(text, add_special_tokens=False), None, text)
        if not episode.done and action.kind is ActionKind.SEARCH:
            searching.append((episode, action.text))
        elif not episode.done:
            episode.observe(None)
    if searching:
        hits = retriever.search([query for _, query in searching], renderer.params.passages_per_search)
        for (episode, _), found in zip(searching, hits, strict=True):
            episode.observe([hit.passage for hit in found])


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
