"""The sections `warmstart`, `train` and `watch`."""

from __future__ import annotations

from dataclasses import dataclass, field

from stepsearch_core.base.limits import number, one_of, share


@dataclass
class WarmstartParams:
    """Supervised fine-tuning on the synthesised trajectories."""

    processes: int = number(1, at_least=1)  # data parallel on this machine; one a GPU if there are any
    epochs: float = number(3.0, at_least=0)
    batch_size: int = number(32, at_least=1)
    learning_rate: float = number(1e-3, above=0)
    warmup_ratio: float = share(0.05)
    weight_decay: float = number(0.01, at_least=0)
    max_grad_norm: float = number(1.0, above=0)
    gradient_checkpointing: bool = False  # recompute activations: less memory, about a third more time
    zero_stage: int = number(0, at_least=0, at_most=3)


@dataclass
class GuardParams:
    """When training stops because the policy collapses; each limit, of a step's means, may be null."""

    patience: int = number(5, at_least=1)  # steps in a row beyond a limit before training stops
    min_entropy: float | None = number(None, above=0)  # nats a token
    max_kl: float | None = number(None, above=0)  # to the start, nats a token
    max_response_length: float | None = number(None, above=0)  # tokens
    min_searches: float | None = number(None, above=0)  # a question
    min_format_valid: float | None = share(None)
    max_grad_norm: float | None = number(None, above=0)  # before clipping


@dataclass
class TrainParams:
    """Step-wise PPO (Appendix B) or a baseline; how credit is assigned and what the engine does."""

    processes: int = number(1, at_least=1)  # data parallel on this machine; one a GPU if there are any
    algorithm: str = one_of("steppo", "steppo", "ppo", "grpo", "rloo", "reinforce_pp")
    critic: str = one_of("value_head", "value_head", "model")  # only steppo and ppo have one
    steps: int = number(100, at_least=1)
    questions_per_step: int = number(64, at_least=1)
    samples_per_question: int = number(1, at_least=1)
    minibatches: int = number(4, at_least=1)
    epochs: int = number(1, at_least=1)
    micro_batch_tokens: int = number(4096, at_least=1)  # of one forward and backward pass, padding included
    gradient_checkpointing: bool = False  # recompute activations: less memory, about a third more time
    lora_rank: int = number(0, at_least=0)  # 0: all weights are trained
    lora_alpha: float = number(32.0, above=0)
    learning_rate: float = number(2e-4, above=0)
    value_learning_rate: float = number(1e-3, above=0)
    critic_warmup_steps: int = number(3, at_least=0)
    clip_range: float = number(0.2, above=0)
    value_clip_range: float = number(0.5, above=0)
    kl_coefficient: float = number(0.01, at_least=0)
    kl_estimator: str = one_of("k3", "k1", "k2", "k3")
    kl_placement: str = one_of("loss", "loss", "reward")
    entropy_coefficient: float = number(0.0, at_least=0)
    gamma: float = share(1.0)
    gae_lambda: float = share(1.0)
    importance_cap: float | None = number(
        None, above=0
    )  # of trainer over sampler probability of a token; null: none
    sequence_ratio_limit: float | None = number(
        None, above=1
    )  # beyond it (or 1 / it) a trajectory is masked
    max_mismatch: float | None = number(
        0.05, above=0
    )  # mean |log-probability of sampler - trainer|; bfloat16: 4 x
    min_survivors: float = share(
        0.5
    )  # of a step's trajectories, or training stops; failed ones are not learnt from
    max_grad_norm: float = number(1.0, above=0)
    zero_stage: int = number(0, at_least=0, at_most=3)
    checkpoint_every: int = number(20, at_least=1)
    validate_every: int = number(25, at_least=1)
    logged_trajectories: int = number(8, at_least=0)  # kept at every validation, for inspection


@dataclass
class WatchParams:
    """How training is watched. None of it changes a result, so no stage is stale or starts anew for it."""

    trackers: list[str] = one_of(("dvclive",), "dvclive", "tensorboard", "wandb")
    guard: GuardParams = field(default_factory=GuardParams)
