from stepsearch_core.params import EnvironmentParams, ModelParams, RolloutParams
from stepsearch_core.policy.vllm_arguments import vllm_arguments


def test_limits_are_those_of_the_profile():
    environment, rollout = EnvironmentParams(max_trajectory_tokens=4096), RolloutParams(batch_size=32)
    arguments = vllm_arguments("some/model", ModelParams(dtype="bfloat16"), environment, rollout, 0.4321)
    assert arguments == {
        "model": "some/model",
        "dtype": "bfloat16",
        "gpu_memory_utilization": 0.43,
        "max_model_len": 4096,
        "max_num_seqs": 32,
        "enable_prefix_caching": True,
        "enable_sleep_mode": True,
        "tensor_parallel_size": 1,
    }
