"""A small random model of each family that can be sampled from."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM

SHAPE = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
}
MORE: dict[str, dict] = {
    "mistral": {"sliding_window": None},
    "qwen3": {"head_dim": 16},
    "llama": {"attention_bias": True},
}


def model(family, dtype=torch.float32, **more):
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **SHAPE, **MORE.get(family, {}), **more)
    made = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name or name.endswith("bias"):  # not ones and zeros, which would hide a mistake
                parameter.copy_(torch.rand(parameter.shape) + 0.5)
    return made
