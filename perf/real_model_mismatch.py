"""How far sampler and trainer are apart on a real model in bfloat16, with each engine that is installed.

Chats of two sampled turns, the second after a text, as turns follow passages. `bf16_mismatch_ENGINE` is the
mean gap in nats a token between the log-probabilities that were recorded and the trainer's own, in batches
as it trains on: what `train.max_mismatch` limits. `bf16_mismatch_of_limit` is the larger one over that limit
by default; below 1 it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from perf.measure import Measured, engines
from perf.workload import default_params
from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import Author, Segment, Trajectory
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.policy.models import load_policy
from stepsearch_core.sampling.engine import Engine, Generation, TurnRequest
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.training.mismatch import MismatchGuard, mismatch

TOPICS = ("tides", "volcanoes", "bees", "printing", "glass", "salt", "bridges", "maps")
QUESTION = "Where do {} come into a story that you know? Think about it, then tell it in a few words."
SHOWN = (
    "Here is what others have said about {0}. The oldest book that names them was kept in a library near the"
    " sea, and of its forty pages twelve are left. A merchant from the north bought it in 1612 for nine"
    " coins and gave it to his daughter, who learnt to read with it. When the library burnt, she wrote down"
    " from memory all that it had said of {0}, and it is from her hand that we know it today."
)
TURN = 64
MICRO_BATCH_TOKENS = 1024


def measure(folder: Path, repeats: int, quick: bool) -> Measured:
    """Sample with each engine and let the trainer say what it thinks of it; `repeats` is not looked at."""
    topics = TOPICS[:4] if quick else TOPICS
    model, tokenizer = load_policy(folder, "bfloat16")
    gaps = {}
    for name in engines():
        made = chats(_engine(name, model, tokenizer, folder, len(topics)), tokenizer, topics)
        gaps[name] = mean_gap(model, made, tokenizer.pad_token_id)
    limit = MismatchGuard(default_params().train.max_mismatch, model.dtype).limit
    assert limit is not None
    figures = {f"bf16_mismatch_{name}": gap for name, gap in gaps.items()}
    figures["bf16_mismatch"] = max(gaps.values())
    figures["bf16_mismatch_of_limit"] = max(gaps.values()) / limit
    return Measured(figures, {}, {"mismatch": [topics, QUESTION, SHOWN, TURN, MICRO_BATCH_TOKENS]})


def _engine(name: str, model: PreTrainedModel, tokenizer: Any, folder: Path, slots: int) -> Engine:
    params = default_params()
    return open_engine(
        model,
        tokenizer,
        folder,
        replace(params.model, dtype="bfloat16"),
        replace(params.environment, max_trajectory_tokens=512),
        replace(params.rollout, engine=name, batch_size=slots, temperature=1.0),
    )


def chats(engine: Engine, tokenizer: Any, topics: Sequence[str]) -> list[Trajectory]:
    """A chat about each topic, two turns of at most `TURN` sampled tokens, all at once."""
    session = engine.session(len(topics), 512)
    made = [Trajectory(topic, 0) for topic in topics]
    for turn, text in enumerate((QUESTION, SHOWN)):
        for slot, chat in enumerate(made):
            said = [{"role": "user", "content": text.format(chat.question_id)}]
            new = tokenizer.apply_chat_template(said, add_generation_prompt=True, return_dict=False)
            chat.segments.append(Segment(Author.ENVIRONMENT if turn else Author.PROMPT, turn, new))
            if not turn:
                session.open(slot, stream(0, Name.MEASUREMENT, slot))
            session.submit(slot, TurnRequest(new, TURN))
        ended: dict[int, Generation] = {}
        while len(ended) < len(made):
            ended |= session.advance()
        for slot, generation in ended.items():
            written = Segment(Author.POLICY, turn, generation.token_ids, generation.log_probs)
            made[slot].segments.append(written)
    return made


@torch.no_grad()
def mean_gap(model: PreTrainedModel, made: Sequence[Trajectory], pad_token_id: int) -> float:
    """Of the sampled tokens, in nats."""
    sampler, trainer = [], []
    for group in micro_batches(made, MICRO_BATCH_TOKENS):
        members = [made[index] for index in group]
        trainer.append(Actor(model)(token_batch(members, pad_token_id)).log_probs.double().numpy())
        sampler.append(np.concatenate([member.log_probs for member in members]))
    return mismatch(sampler, trainer)["mismatch/mean"]
