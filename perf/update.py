"""The PPO update: what ragged lengths cost, what padding to the limit would cost, and what DeepSpeed adds.

`packing_efficiency` is useful tokens a second on the frozen trajectories over those on equally many tokens
in rows of one length; `update_speedup` the same over rows that are all padded to the context limit, as in
the reference. `deepspeed_overhead` is the time of an optimizer step on 16,384 tokens under DeepSpeed (ZeRO
0) over plain torch: one model, one loss, one clipping, one optimizer, fp32.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict

import torch

from perf.measure import in_turn, median_of_pairs, report, seconds
from perf.workload import (
    default_model,
    default_params,
    equal_lengths,
    experience,
    filled,
    sampled_lengths,
    token_count,
    trajectories,
    update_settings,
)
from stepsearch_core.base.types import Trajectory
from stepsearch_core.learning.actor import Actor
from stepsearch_core.learning.batching import micro_batches, token_batch
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update

EQUAL_LENGTH = 160
STEP_TOKENS = 16_384


def main(quick: bool) -> None:
    """Time all sides in turn; print the ratios."""
    repeats = 1 if quick else 15
    params = default_params()
    ragged = trajectories(sampled_lengths())
    useful = token_count(ragged)
    policy_tokens = sum(len(trajectory.log_probs) for trajectory in ragged)
    equal = trajectories(equal_lengths(EQUAL_LENGTH, useful, policy_tokens))
    padded = filled(ragged, params.environment.max_trajectory_tokens)
    learner = Learner(default_model(params), params.train, has_critic=True)

    def tokens_per_second(made: list[Trajectory], counted: int) -> Callable[[], float]:
        data = experience(made)
        return lambda: counted / seconds(lambda: update(learner, data, params.train, **update_settings()))

    sides = {
        "ragged": tokens_per_second(ragged, useful),
        "equal": tokens_per_second(equal, token_count(equal)),
        "padded": tokens_per_second(padded, useful),
        **_optimizer_steps(),
    }
    in_turn(sides, 1)  # the first time kernels are chosen
    values = in_turn(sides, repeats)

    speedup = median_of_pairs(operator.truediv, values["ragged"], values["padded"])
    figures = {
        "packing_efficiency": median_of_pairs(operator.truediv, values["ragged"], values["equal"]),
        "update_speedup": speedup,
        "update_speedup_share": speedup / (token_count(padded) / useful),
        "deepspeed_overhead": median_of_pairs(
            operator.truediv, values["deepspeed_seconds"], values["torch_seconds"]
        ),
    }
    workload = [sampled_lengths(), EQUAL_LENGTH, STEP_TOKENS, asdict(params.model), asdict(params.train)]
    tokens = {"useful": useful, "equal": token_count(equal), "padded": token_count(padded)}
    report("update", figures, values, repeats, workload, tokens=tokens)


def _optimizer_steps() -> dict[str, Callable[[], float]]:
    """Seconds of one optimizer step on the same micro-batches, by DeepSpeed and by plain torch."""
    params = default_params()
    made = trajectories(equal_lengths(256, STEP_TOKENS, STEP_TOKENS // 4))
    groups = micro_batches(made, params.train.micro_batch_tokens)
    batches = [token_batch([made[index] for index in group], 0) for group in groups]
    count = sum(len(batch.targets) for batch in batches)

    def module_and_optimizer() -> tuple[Actor, torch.optim.Optimizer]:
        module = Actor(default_model(params))
        return module, adamw(module.parameters(), learning_rate=1e-5, weight_decay=0.0)

    def loss(outputs: object) -> torch.Tensor:
        return (-outputs.log_probs - 0.01 * outputs.entropy).sum() / count  # type: ignore[attr-defined]

    plain, optimizer = module_and_optimizer()

    def torch_step() -> None:
        for batch in batches:
            loss(plain(batch, with_entropy=True)).backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), params.train.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    engine = DeepSpeedEngine(*module_and_optimizer(), params.train)

    def deepspeed_step() -> None:
        for number, batch in enumerate(batches, start=1):
            engine.accumulate(loss(engine(batch, with_entropy=True)), last=number == len(batches))

    return {
        "deepspeed_seconds": lambda: seconds(deepspeed_step),
        "torch_seconds": lambda: seconds(torch_step),
    }
