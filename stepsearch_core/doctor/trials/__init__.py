"""The trials of `stepsearch selftest`; a module for each part of the library."""

from __future__ import annotations

from stepsearch_core.doctor.trial import Trial

_CRITIC = "train.critic=model"
_OFFLOAD = ("train.offload_optimizer=true", "train.offload_reference=true", "train.kl_coefficient=0.01")
_BFLOAT16 = "model.dtype=bfloat16"

TRIALS = (
    Trial("process_group", "sums and objects over NCCL (a CPU: gloo), one rank", "group:exchange"),
    Trial("faiss_cpu", "a Flat and an IVF index rank as plain products do", "faiss:on_cpu"),
    Trial("faiss_gpu", "both on the GPU, trained and filled there, rank as on the CPU", "faiss:on_gpu"),
    Trial("encoder", "a sentence encoder in float16 and bfloat16, near float32", "encoders:half"),
    Trial(
        "sampling_float32",
        "episodes of the transformers engine, against the model",
        "sampling:own",
        ("model.key_value_heads=4",),  # as many as heads: other kernels than the small model's
    ),
    Trial("sampling_bfloat16", "the same in bfloat16, grouped queries", "sampling:own", (_BFLOAT16,)),
    Trial("warmstart", "fine-tuning, then greedy episodes against BM25", "training:warm_start"),
    Trial("train_float32", "a training step and a validation", "training:step"),
    Trial("train_bfloat16", "the same in bfloat16", "training:step", (_BFLOAT16,)),
    Trial("train_critic", "the same with a critic of its own, and checkpoints", "training:step", (_CRITIC,)),
    Trial("train_lora", "the same with adapters", "training:step", ("train.lora_rank=8",)),
    Trial(
        "gradient_checkpointing",
        "an update as without it",
        "training:same_update",
        ("train.gradient_checkpointing=true", _CRITIC),
    ),
    Trial(
        "fused_log_probs",
        "an update in bfloat16 with liger-kernel as without it",
        "training:same_update",
        ("train.log_probs=liger", _BFLOAT16),
    ),
    *(
        Trial(
            f"zero_{stage}",
            "an update in bfloat16 as with ZeRO 0",
            "training:same_update",
            (f"train.zero_stage={stage}", _BFLOAT16),
        )
        for stage in (1, 2, 3)
    ),
    Trial(
        "train_offload",
        "a training step whose optimizer and reference lie in main memory, gradients in float32",
        "training:step",
        (_BFLOAT16, "train.zero_stage=2", "train.gradient_dtype=float32", *_OFFLOAD),
    ),
    Trial("vllm", "episodes, sleep, new weights, waking; graphs on a GPU", "sampling:vllm", limit=480),
    Trial(
        "train_vllm",
        "a training step in bfloat16 that vLLM samples for, and a validation",
        "training:step",
        ("rollout.engine=vllm", _BFLOAT16),
        limit=480,
    ),
)
"""In the order in which they run: what fails first explains what comes after."""
