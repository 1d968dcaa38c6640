import pytest
import torch
from deepspeed.runtime.config import DeepSpeedConfig

from stepsearch_core.learning.deepspeed_config import deepspeed_config, frozen_config
from stepsearch_core.params import TrainParams


def read_by_deepspeed(bfloat16, **changes):
    return DeepSpeedConfig(deepspeed_config(TrainParams(**changes), bfloat16))


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_deepspeed_reads_what_was_meant(stage):
    read = read_by_deepspeed(stage > 1, zero_stage=stage, max_grad_norm=0.5)
    assert read.zero_optimization_stage == stage
    assert read.gradient_clipping == 0.5
    assert (read.train_micro_batch_size_per_gpu, read.gradient_accumulation_steps) == (1, 1)
    assert read.bfloat16_config.enabled is (stage > 1)
    assert not read.float16_config.enabled
    assert read.zero_allow_untested_optimizer
    assert read.zero_config.offload_optimizer is None
    assert (read.communication_data_type, read.grad_accum_dtype) == (None, None)


def test_the_optimizer_in_main_memory_is_torch_s():
    read = read_by_deepspeed(True, zero_stage=2, offload_optimizer=True)
    assert read.zero_config.offload_optimizer.device == "cpu"
    assert not read.zero_force_ds_cpu_optimizer


def test_gradients_in_float32_are_more_than_bfloat16_weights_have():
    read = read_by_deepspeed(True, zero_stage=2, gradient_dtype="float32")
    assert (read.communication_data_type, read.grad_accum_dtype) == (torch.float32, "fp32")
    read = read_by_deepspeed(False, zero_stage=2, gradient_dtype="float32")
    assert (read.communication_data_type, read.grad_accum_dtype) == (None, None)


def test_what_is_only_asked_is_sharded():
    plain, offloaded = (DeepSpeedConfig(frozen_config(offload, bfloat16=True)) for offload in (False, True))
    assert plain.zero_optimization_stage == offloaded.zero_optimization_stage == 3
    assert plain.bfloat16_config.enabled
    assert plain.zero_config.offload_param is None
    assert offloaded.zero_config.offload_param.device == "cpu"
