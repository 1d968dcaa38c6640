import pytest
from deepspeed.runtime.config import DeepSpeedConfig

from stepsearch_core.learning.deepspeed_config import deepspeed_config


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_deepspeed_reads_what_was_meant(stage):
    read = DeepSpeedConfig(deepspeed_config(stage, 0.5, bfloat16=stage > 1))
    assert read.zero_optimization_stage == stage
    assert read.gradient_clipping == 0.5
    assert (read.train_micro_batch_size_per_gpu, read.gradient_accumulation_steps) == (1, 1)
    assert read.bfloat16_config.enabled is (stage > 1)
    assert not read.float16_config.enabled
    assert read.zero_allow_untested_optimizer
