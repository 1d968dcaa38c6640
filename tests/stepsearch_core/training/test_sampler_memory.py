from stepsearch_core.planning.plan import make_plan
from stepsearch_core.training.memory import held_bytes
from stepsearch_core.training.sampler_memory import (
    beside_sampler,
    least_share_bytes,
    sampler_weight_bytes,
)
from tests.profiles import profile


def test_beside_vllm_lie_the_trainers_states_and_an_index_on_the_gpu():
    params = profile("paper_3b")
    shape = make_plan(params).shape
    states, gradients = held_bytes(shape, "bfloat16", params.train)
    assert beside_sampler(shape, params, 10**9) == states
    assert gradients not in states.values()
    params.retrieval.device = "cuda"
    assert beside_sampler(shape, params, 10**9) == states | {"dense index": 10**9}
    assert beside_sampler(shape, params, 0) == states


def test_vllm_needs_its_weights_and_a_context_each_split_over_its_gpus():
    """Qwen2.5-3B: 3,085,938,688 parameters; 36 layers of 2 heads of 128, keys and values, 2 bytes each."""
    params = profile("paper_3b")
    shape = make_plan(params).shape
    context = 4096 * 36 * 2 * 2 * 128 * 2
    assert sampler_weight_bytes(shape, params) == 2 * 3_085_938_688
    assert least_share_bytes(shape, params) == 2 * 3_085_938_688 + context
    params.rollout.tensor_parallel = 2
    assert least_share_bytes(shape, params) == 3_085_938_688 + context / 2
