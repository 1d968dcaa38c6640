"""The sections `warmstart`, `train` and `watch`."""

from __future__ import annotations

from dataclasses import field

from stepsearch_core.base.limits import anything, number, one_of, share
from stepsearch_core.params.defaults import section


@section("warmstart")
class WarmstartParams:
    """Supervised fine-tuning on the synthesised trajectories."""

    processes: int = number(at_least=1)
    epochs: float = number(at_least=0)
    batch_size: int = number(at_least=1)
    micro_batch_tokens: int = number(at_least=1)
    learning_rate: float = number(above=0)
    warmup_ratio: float = share()
    weight_decay: float = number(at_least=0)
    max_grad_norm: float = number(above=0)
    gradient_checkpointing: bool = anything()
    zero_stage: int = number(at_least=0, at_most=3)
    offload_optimizer: bool = anything()
    gradient_dtype: str = one_of("model", "float32")
    checkpoint_every: int = number(at_least=1)


@section("watch.guard")
class GuardParams:
    """When training stops because the policy collapses; each limit, of a step's means, may be null."""

    patience: int = number(at_least=1)
    min_entropy: float | None = number(above=0)
    max_kl: float | None = number(above=0)
    max_response_length: float | None = number(above=0)
    min_searches: float | None = number(above=0)
    min_format_valid: float | None = share()
    max_grad_norm: float | None = number(above=0)


@section("train")
class TrainParams:
    """Step-wise PPO (Appendix B) or a baseline; how credit is assigned and what the engine does."""

    processes: int = number(at_least=1)
    algorithm: str = one_of("steppo", "ppo", "grpo", "rloo", "reinforce_pp")
    critic: str = one_of("value_head", "model")
    steps: int = number(at_least=1)
    questions_per_step: int = number(at_least=1)
    samples_per_question: int = number(at_least=1)
    minibatches: int = number(at_least=1)
    epochs: int = number(at_least=1)
    micro_batch_tokens: int = number(at_least=1)
    log_probs: str = one_of("chunked", "liger")
    gradient_checkpointing: bool = anything()
    lora_rank: int = number(at_least=0)
    lora_alpha: float = number(above=0)
    learning_rate: float = number(above=0)
    value_learning_rate: float = number(above=0)
    critic_warmup_steps: int = number(at_least=0)
    clip_range: float = number(above=0)
    value_clip_range: float = number(above=0)
    kl_coefficient: float = number(at_least=0)
    kl_estimator: str = one_of("k1", "k2", "k3")
    kl_placement: str = one_of("loss", "reward")
    entropy_coefficient: float = number(at_least=0)
    gamma: float = share()
    gae_lambda: float = share()
    importance_cap: float | None = number(above=0)
    sequence_ratio_limit: float | None = number(above=1)
    max_mismatch: float | None = number(above=0)
    min_survivors: float = share()
    max_grad_norm: float = number(above=0)
    zero_stage: int = number(at_least=0, at_most=3)
    offload_optimizer: bool = anything()
    offload_reference: bool = anything()
    gradient_dtype: str = one_of("model", "float32")
    checkpoint_every: int = number(at_least=1)
    validate_every: int = number(at_least=1)
    logged_trajectories: int = number(at_least=0)


LearningParams = WarmstartParams | TrainParams
"""The sections that say how weights are trained: what both have, one reader takes from either."""


@section("watch")
class WatchParams:
    """How training is watched. None of it changes a result, so no stage is stale or starts anew for it."""

    trackers: list[str] = one_of("dvclive", "tensorboard", "wandb")
    guard: GuardParams = field(default_factory=GuardParams)
