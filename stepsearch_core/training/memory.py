"""Memory of one GPU (or of the machine, without GPUs) in bytes: formulas, each with its source.

They describe what `training.learner` lays out: actor, critic and reference under DeepSpeed ZeRO, logits of
some policy tokens at a time. What depends on kernels is an upper estimate; buckets, the CUDA context and
fragmentation are covered by `sampling.vllm_arguments.RESERVED_SHARE`. A plan shows them, and a run gives
vLLM what they leave.
"""

from __future__ import annotations

from stepsearch_core.learning.logit_chunks import chunk_tokens
from stepsearch_core.params import LearningParams, TrainParams
from stepsearch_core.policy.structure import DTYPE_BYTES
from stepsearch_core.training.architecture import Architecture

LOGIT_BYTES = 36
"""Of each logit of a chunk, nine float32 copies: six of log-probabilities (logits, those divided by the
temperature, a softmax, and gradients), three more where entropies have a gradient (measured on a CPU).
"""
ADAPTER_HOLES = 0.3
"""Of activations, what adapters cost in main memory besides: the results of their small products come and go
between what the backward pass needs, and the C library keeps the holes (measured with glibc: SmolLM2-135M,
4,096 tokens; its tensors alone take less than without adapters). A GPU's allocator reuses them.
"""
PROGRAM_BYTES = 0.55e9
"""Resident in main memory before there is a model: Python with torch, transformers and DeepSpeed imported
(measured on Linux, of CPU builds).
"""


def state_bytes(parameters: int, trained: int, dtype: str, params: LearningParams) -> dict[str, float]:
    """Weights, gradients and optimizer states on each GPU of `parameters`, `trained` of them with gradients.

    ZeRO (Rajbhandari et al., arXiv 1910.02054, section 3.1 and figure 1): mixed-precision Adam keeps 2 bytes
    a parameter for weights, 2 for gradients and 12 for optimizer states (float32 weights and both moments).
    Stage 1 divides the last by the number of GPUs, stage 2 gradients as well, stage 3 weights as well. With
    float32 weights the moments take 8 bytes; DeepSpeed's stages 1-3 keep float32 weights of their own even
    then. Optimizer states that are offloaded are not on the GPU (`offloaded_bytes`).
    """
    stage, gpus = params.zero_stage, params.processes
    size = DTYPE_BYTES[dtype]
    summed = 4 if params.gradient_dtype == "float32" else size
    optimizer = 8 if dtype == "float32" and stage == 0 else 12
    return {
        "weights": parameters * size / (gpus if stage >= 3 else 1),
        "gradients": trained * summed / (gpus if stage >= 2 else 1),
        "optimizer states": (
            0 if params.offload_optimizer else trained * optimizer / (gpus if stage >= 1 else 1)
        ),
    }


def step_bytes(trained: int, dtype: str, params: LearningParams) -> float:
    """Float32 gradients, which DeepSpeed makes for the optimizer's step of weights in another dtype."""
    if dtype == "float32" or params.gradient_dtype == "float32":
        return 0.0  # they are there anyway
    return 4 * trained / (params.processes if params.zero_stage else 1)


def offloaded_bytes(trained: int, dtype: str, params: LearningParams) -> float:
    """What each process keeps in main memory of `trained` parameters whose optimizer states are offloaded.

    Besides the 12 bytes of states, DeepSpeed has float32 gradients for the step there, and gradients in the
    weights' dtype that wait for the last micro-batch.
    """
    return trained * (12 + 4 + DTYPE_BYTES[dtype]) / params.processes if params.offload_optimizer else 0.0


def held_bytes(shape: Architecture, dtype: str, train: TrainParams) -> tuple[dict[str, float], float]:
    """What each GPU holds throughout training, by name, and its gradients, which come and go."""
    stage = train.zero_stage
    states = state_bytes(shape.actor, shape.trained, dtype, train)
    critic = state_bytes(shape.critic, shape.critic, dtype, train)
    gradients = states.pop("gradients") + critic.pop("gradients")
    weights = shape.parameters * DTYPE_BYTES[dtype]
    states |= {"critic": sum(critic.values())} if shape.critic else {}
    if shape.value_head:
        states["value head"] = 16 * shape.value_head  # weights, gradients and both moments
    if _has_own_reference(train) and not train.offload_reference:
        states["reference"] = weights / (train.processes if stage == 3 else 1)
    if stage == 3:
        states["whole policy"] = weights
    return states, gradients


def offloaded_reference_bytes(shape: Architecture, dtype: str, train: TrainParams) -> float:
    """What each process keeps in main memory of a reference that is offloaded, which shards it too."""
    return shape.parameters * DTYPE_BYTES[dtype] / train.processes if train.offload_reference else 0.0


def _has_own_reference(train: TrainParams) -> bool:
    """With adapters the reference is the actor without them."""
    return train.kl_coefficient > 0 and not train.lora_rank


def activation_bytes(shape: Architecture, tokens: int, dtype: str, checkpointing: bool) -> int:
    """What the backward pass of `tokens` tokens needs, up to the last hidden states.

    Counted as Korthikanti et al. (arXiv 2205.05198, section 4) count, for this family: without dropout, with
    an attention kernel that stores no scores, RMS norms in float32, and a gated MLP. A layer of hidden size
    h, key-value size k and intermediate size f keeps, at b bytes an element, 8h + b(6h + 2k + 4f) bytes a
    token; normalised queries and keys add (4 + b)(h + k). With checkpointing a layer keeps only its input,
    bh, and one layer at a time the rest.
    """
    b = DTYPE_BYTES[dtype]
    h = shape.hidden_size
    k = shape.key_value_size
    f = shape.intermediate_size
    layer = 8 * h + b * (6 * h + 2 * k + 4 * f)
    if shape.normalises_heads:
        layer += (4 + b) * (h + k)
    layers = shape.layers * b * h + layer if checkpointing else shape.layers * layer
    return tokens * (layers + (4 + b) * h)


def logit_bytes(shape: Architecture, policy_tokens: int, dtype: str, gpus: int) -> int:
    """Logits of a chunk of policy tokens, and a micro-batch's gradient of the output layer's weights.

    As `learning.token_log_probs` makes them: more policy tokens are more chunks, one after the other.
    """
    chunk = min(policy_tokens, chunk_tokens(gpus > 0, shape.vocab_size))
    return shape.vocab_size * (LOGIT_BYTES * chunk + DTYPE_BYTES[dtype] * shape.hidden_size)


def kept_state_bytes(shape: Architecture, policy_tokens: int, dtype: str) -> int:
    """Hidden states that wait in main memory until a value head has learnt from them (`training.critic`)."""
    return policy_tokens * shape.hidden_size * DTYPE_BYTES[dtype] if shape.value_head else 0


def cache_bytes(shape: Architecture, trajectories: int, tokens: int, dtype: str) -> int:
    """Keys and values of `trajectories` contexts of `tokens` tokens: 2 tensors a layer (`PagedCache`)."""
    return 2 * shape.layers * shape.key_value_size * DTYPE_BYTES[dtype] * trajectories * tokens
