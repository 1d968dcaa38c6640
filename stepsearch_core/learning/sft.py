"""Supervised warm start: cross-entropy on what the policy wrote; prompts and passages are context only.

Trajectories are replayed through the environment's own renderer, so their token sequences are those of
rollouts, with one token more: behind `</answer>` stands the token that ends a turn, so that the policy stops
there wherever it is used. A rollout ends with `</answer>`: what would follow has no reward of its own, yet
the last token would carry the answer's, and reinforcement learning would strengthen whatever happened to be
sampled there. A small random model needs the warm start to know the format at all; instruct models may skip
it.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from transformers import PreTrainedModel, get_cosine_schedule_with_warmup

from stepsearch_core.base.streams import Name, stream
from stepsearch_core.base.types import ActionKind, Passage, Question, Trajectory
from stepsearch_core.environment.questions import those_that_fit
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.learning.actor import Actor, recompute_activations
from stepsearch_core.learning.batching import length_groups, micro_batches, token_batch
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw, copy_whole
from stepsearch_core.learning.distributed import all_reduce_sum, own_micro_batch, progress, world_size
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.metrics.timing import TIMING
from stepsearch_core.params import WarmstartParams
from stepsearch_core.synthesis.trajectories import AnswerTurn, SearchTurn, WarmstartTrajectory, WarmstartTurn

_WINDOW = 16  # batches whose trajectories are sorted by length together


def replay(
    turns: Sequence[WarmstartTurn],
    question: Question,
    passage: Callable[[str], Passage],
    renderer: Renderer,
) -> Trajectory:
    """The trajectory that a policy writing these turns would have made.

    Args:
        turns: searches, and an answer at the end.
        question: the question they belong to.
        passage: the passage of an id.
        renderer: encodes the policy's text as it encodes the environment's.
    """
    episode = Episode(question, 0, renderer)
    grammar = renderer.style.grammar
    for turn in turns:
        if episode.done:
            break
        if isinstance(turn, SearchTurn):
            text = grammar.search_turn(turn.think, turn.query, episode.shown, episode.opened)
            found = list(map(passage, turn.passage_ids))
        else:
            text = grammar.answer_turn(turn.think, turn.answer, episode.shown, episode.opened)
            found = []
        ended = isinstance(turn, AnswerTurn)
        action = episode.act(*renderer.written(text, episode.turn_tokens, ended=ended))
        if episode.done:
            break
        episode.observe(found if action.kind is ActionKind.SEARCH else None)
    return episode.trajectory


def replay_all(
    shown: Iterable[WarmstartTrajectory],
    questions: Sequence[Question],
    passage: Callable[[str], Passage],
    renderer: Renderer,
) -> list[Trajectory]:
    """Those of trajectories shown whose questions fit into the limits (`those_that_fit`), replayed."""
    asked = {question.id: question for question in those_that_fit(questions, renderer)}
    return [
        replay(trajectory.turns, asked[trajectory.question_id], passage, renderer)
        for trajectory in shown
        if trajectory.question_id in asked
    ]


def fine_tune(
    policy: PreTrainedModel,
    trajectories: Sequence[Trajectory],
    params: WarmstartParams,
    pad_token_id: int,
    seed: int,
    folder: RunFolder | None = None,
) -> list[dict[str, Any]]:
    """Train `policy` in place for `params.epochs` over the trajectories; returns a row of metrics a batch.

    Every rank passes the same trajectories, takes its share of each batch and gets what the whole batch
    gave. With 0 epochs nothing happens: an instruct model may start as it is. Under ZeRO 3, which shards
    what it trains, a copy is trained, and `policy`, which stays in main memory, gets its weights at the end.

    Args:
        policy: as it is before the first batch, also to go on.
        trajectories: what it learns to write.
        params: the section `warmstart`.
        pad_token_id: the tokenizer's.
        seed: of the order.
        folder: has the checkpoints, the last of which is gone on from; None: none are kept.

    Raises:
        DataError: there are checkpoints, but none is whole; or a new one does not read back.
    """
    order = list(_batches(trajectories, params, seed))
    if not order:
        return []
    trained = copy.deepcopy(policy) if params.zero_stage == 3 else policy
    if params.gradient_checkpointing:
        recompute_activations(trained)
    optimizer = adamw(trained.parameters(), params.learning_rate, params.weight_decay)
    warmup = max(1, round(params.warmup_ratio * len(order)))
    scheduler = get_cosine_schedule_with_warmup(optimizer, warmup, len(order))
    engine = DeepSpeedEngine(Actor(trained), optimizer, params, scheduler)
    start = folder.last_step() if folder else 0
    history: list[dict[str, Any]] = []
    if folder and start:
        history = folder.rows(start, "history")
        engine.load(folder.checkpoint(start))
        logging.getLogger("warmstart").info("resuming after batch %d of %d", start, len(order))
    trained.train()
    with progress(order[start:], "warm start", "batch") as bar:
        for step, indices in enumerate(bar, start=start + 1):
            started, learning_rate = time.perf_counter(), scheduler.get_last_lr()[0]
            loss = _accumulate(
                engine, [trajectories[index] for index in indices], params.micro_batch_tokens, pad_token_id
            )
            row = {"step": step, **all_reduce_sum({"loss": loss})}
            row |= {"learning_rate": learning_rate, "grad_norm": engine.grad_norm}
            history.append(row | {f"{TIMING}batch": time.perf_counter() - started})
            bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
            if folder and (step % params.checkpoint_every == 0 or step == len(order)):
                folder.save(step, engine.save, {"history": history})
    if trained is not policy:
        copy_whole(trained, policy)
    if params.gradient_checkpointing:
        policy.gradient_checkpointing_disable()
    return history


def _accumulate(
    engine: DeepSpeedEngine, batch: Sequence[Trajectory], micro_batch_tokens: int, pad_token_id: int
) -> float:
    """One optimizer step on a batch, a micro-batch at a time; this rank's part of the batch's mean loss."""
    tokens = sum(sum(trajectory.policy_mask) for trajectory in batch)
    total = 0.0
    groups = micro_batches(batch, micro_batch_tokens, world_size())
    for number, group in enumerate(groups, start=1):
        mine, weight = own_micro_batch(group)
        log_probs = engine(token_batch([batch[index] for index in mine], pad_token_id)).log_probs
        loss = -weight * log_probs.sum() / tokens
        engine.accumulate(loss, last=number == len(groups))
        total += loss.item()
    return total


def _batches(trajectories: Sequence[Trajectory], params: WarmstartParams, seed: int) -> Iterator[list[int]]:
    """Indices of each batch: shuffled, and alike in length within windows of batches."""
    generator = stream(seed, Name.SUPERVISED_BATCHES)
    total = round(params.epochs * len(trajectories))
    order: list[int] = []
    while len(order) < total:
        order += generator.permutation(len(trajectories)).tolist()
    window = _WINDOW * params.batch_size
    for start in range(0, total, window):
        chunk = order[start : min(start + window, total)]
        groups = length_groups([trajectories[index] for index in chunk], params.batch_size)
        for group in generator.permutation(len(groups)):
            yield [chunk[index] for index in groups[group]]
