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
    critic: str = one_of("value_head", "informed", "model")
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
    warmup_ratio: float = share()
    schedule: str = one_of("constant", "linear", "cosine")
    weight_decay: float = number(at_least=0)
    adam_beta1: float = number(at_least=0, at_most=0.999999)
    adam_beta2: float = number(at_least=0, at_most=0.999999)
    critic_learning_rate: float = number(above=0)
    critic_warmup_ratio: float = share()
    critic_warmup_steps: int = number(at_least=0)
    critic_epochs: int = number(at_least=1)
    critic_max_grad_norm: float = number(above=0)
    clip_range: float = number(above=0)
    clip_range_high: float | None = number(above=0)
    dual_clip: float | None = number(above=1)
    loss_aggregation: str = one_of("token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm")
    value_clip_range: float = number(above=0)
    kl_coefficient: float = number(at_least=0)
    kl_estimator: str = one_of("k1", "k2", "k3")
    kl_placement: str = one_of("loss", "reward")
    entropy_coefficient: float = number(at_least=0)
    gamma: float = share()
    gae_lambda: float = share()
    credit: str = one_of("trajectory", "return_to_go", "turn_group")
    bi_level_gae: bool = anything()
    turn_gamma: float = share()
    turn_lambda: float = share()
    normalise_terms: bool = anything()
    importance_sampling: str = one_of("auto", "always", "never")
    importance_cap: float = number(above=0)
    sequence_ratio_limit: float | None = number(above=1)
    max_mismatch: float | None = number(above=0)
    on_mismatch: str = one_of("stop", "mask", "warn")
    mask_overlong: bool = anything()
    resampling_rounds: int = number(at_least=0)
    min_survivors: float = share()
    max_grad_norm: float = number(above=0)
    zero_stage: int = number(at_least=0, at_most=3)
    offload_optimizer: bool = anything()
    offload_reference: bool = anything()
    gradient_dtype: str = one_of("model", "float32")
    checkpoint_every: int = number(at_least=1)
    validate_every: int = number(at_least=1)
    export: str = one_of("best", "last")
    best_metric: str = one_of("f1", "em", "support_recall")
    early_stopping_patience: int | None = number(at_least=1)
    logged_trajectories: int = number(at_least=0)

    @property
    def sees_step_rewards(self) -> bool:
        """Whether every term of the reward is learnt from, or the answer's and one's own alone."""
        return self.algorithm == "steppo" or self.credit != "trajectory"


LearningParams = WarmstartParams | TrainParams
"""The sections that say how weights are trained: what both have, one reader takes from either."""


@section("watch")
class WatchParams:
    """How training is watched. None of it changes a result, so no stage is stale or starts anew for it."""

    trackers: list[str] = one_of("dvclive", "tensorboard", "wandb")
    guard: GuardParams = field(default_factory=GuardParams)
