import pytest

from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams
from stepsearch_core.policy.models import save_policy
from stepsearch_core.sampling.vllm_arguments import memory_share, vllm_arguments
from tests import tiny

WORD = tiny.tokenizer()


def test_limits_are_those_of_the_profile():
    environment, rollout = (
        EnvironmentParams(max_trajectory_tokens=4096),
        RolloutParams(batch_size=32, tensor_parallel=2),
    )
    arguments = vllm_arguments("some/model", ModelParams(dtype="bfloat16"), environment, rollout, 0.43)
    assert arguments == {
        "model": "some/model",
        "dtype": "bfloat16",
        "gpu_memory_utilization": 0.43,
        "max_model_len": 4096,
        "max_num_seqs": 32,
        "enable_prefix_caching": True,
        "enable_sleep_mode": True,
        "logprobs_mode": "processed_logprobs",
        "generation_config": "vllm",
        "tensor_parallel_size": 2,
    }


def test_without_a_gpu_the_cache_holds_all_contexts_at_full_length(tmp_path):
    # 2 layers of 2 heads of 8, keys and values, 4 bytes each
    save_policy(tiny.model(WORD), WORD, tmp_path / "policy")
    environment, rollout = EnvironmentParams(max_trajectory_tokens=100), RolloutParams(batch_size=3)
    arguments = vllm_arguments(str(tmp_path / "policy"), ModelParams(), environment, rollout)
    assert arguments["block_size"] == 32
    assert arguments["kv_cache_memory_bytes"] == (3 * 4 + 1) * 32 * (2 * 2 * 2 * 8 * 4)
    assert arguments["enforce_eager"]
    assert not arguments.keys() & {"gpu_memory_utilization", "enable_sleep_mode"}


@pytest.mark.parametrize(
    ("held", "share"),
    # of 80 GB: .95 - .35 leaves .6, .95 - .5 less; a part of a hundredth is nobody's
    [(0, 0.6), (28, 0.6), (40, 0.45), (40.1, 0.44), (80, 0.0)],
)
def test_a_gpu_is_shared_with_what_the_trainer_holds(held, share):
    assert memory_share(held * 1e9, 80e9) == share
