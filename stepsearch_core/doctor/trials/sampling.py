"""Both engines: what they sampled gets the same probabilities from the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from stepsearch_core.base.streams import Name, seed_torch, stream
from stepsearch_core.base.types import FAILURES, Trajectory
from stepsearch_core.doctor.trial import require
from stepsearch_core.doctor.trials.small import Parts, small_parts
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.policy.models import build_model
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.engine import Engine
from stepsearch_core.sampling.opening import open_engine
from stepsearch_core.training.mismatch import MismatchGuard, mismatch

QUESTIONS = 16


def own(overrides: Sequence[str]) -> dict[str, Any]:
    """The transformers engine: episodes, and each sampled token's gap to a plain forward pass."""
    with small_parts(overrides) as parts:
        policy = parts.policy.to(own_device())
        return {"gap": gap(policy, sample(engine_of(parts, policy), parts), parts)}


def vllm(overrides: Sequence[str]) -> dict[str, Any]:
    """vLLM: episodes with the weights that it loaded; it sleeps, takes others and samples with them."""
    with small_parts(("rollout.engine=vllm", "model.dtype=bfloat16", *overrides)) as parts:
        policy = parts.policy.to(own_device())
        engine = engine_of(parts, policy)
        figures: dict[str, Any] = {"gap": gap(policy, sample(engine, parts), parts)}
        awake = _taken()
        engine.sleep()
        figures["gigabytes given back"] = round((awake - _taken()) / 1e9, 3)
        seed_torch(1, Name.INITIAL_POLICY)
        other = build_model(parts.params.model, parts.tokenizer).eval().to(own_device())
        engine.update(other)
        figures["gap after a push"] = gap(other, sample(engine, parts), parts)
        greedy = rollout(engine, parts).greedy(parts.questions[:QUESTIONS])
        figures["greedy gap"] = gap(other, greedy, parts)
        if torch.cuda.is_available():
            from vllm.compilation.counter import compilation_counter

            require(figures["gigabytes given back"] > 0, "asleep, vLLM holds as much of the GPU as awake")
            figures["graphs"] = compilation_counter.num_cudagraph_captured
            require(figures["graphs"] > 0, "no graph was captured: vLLM decodes eagerly")
        return figures


def _taken() -> int:
    """Bytes of the GPU that anybody has taken; 0 without one."""
    if not torch.cuda.is_available():
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free


def engine_of(parts: Parts, policy: Any) -> Engine:
    """The engine that the parameters name, with the weights of `policy`."""
    params = parts.params
    folder = parts.data / "warmstart" / "policy"
    return open_engine(policy, parts.tokenizer, folder, params.model, params.environment, params.rollout)


def rollout(engine: Engine, parts: Parts) -> Rollout:
    """Episodes with `engine` against BM25."""
    retriever = open_retriever(parts.params.retrieval, parts.data / "index", parts.corpus)
    return Rollout(
        engine, retriever, Renderer(parts.tokenizer, parts.params.environment), parts.params.rollout
    )


def sample(engine: Engine, parts: Parts) -> list[Trajectory]:
    """A trajectory for each of the first questions."""
    streams = [stream(0, Name.TRAJECTORIES, 0, number) for number in range(QUESTIONS)]
    return rollout(engine, parts).sample(parts.questions[:QUESTIONS], 1, streams.__getitem__)


@torch.no_grad()
def gap(policy: Any, trajectories: list[Trajectory], parts: Parts) -> float:
    """Mean gap of sampler and model in nats a token, within what training would take.

    Raises:
        TrialError: it is larger, or an episode was lost.
    """
    failed = [made for made in trajectories if made.stop_reason in FAILURES]
    require(not failed, f"{len(failed)} of {len(trajectories)} episodes were lost: {failed[:1]}")
    batch = token_batch(trajectories, parts.tokenizer.pad_token_id)
    scored = Actor(policy)(batch).log_probs.double().cpu().numpy()
    sampled = np.concatenate([made.log_probs for made in trajectories])
    mean = mismatch([sampled], [scored])["mismatch/mean"]
    limit = MismatchGuard(parts.params.train.max_mismatch, policy.dtype).limit
    require(limit is None or mean <= limit, f"{mean:.3g} nats a token from model to sampler, beyond {limit}")
    return mean
