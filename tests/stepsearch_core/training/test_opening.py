import pytest
from transformers import AutoConfig

from stepsearch_core.planning.plan import make_plan
from stepsearch_core.sampling.vllm_arguments import memory_share
from stepsearch_core.training.architecture import published_config
from stepsearch_core.training.opening import bytes_beside_sampler
from tests.profiles import profile


@pytest.mark.slow
@pytest.mark.parametrize("name", ["single_gpu", "paper_3b", "paper_7b"])
@pytest.mark.parametrize("more", [[], ["train.lora_rank=32"], ["train.critic=model"]])
def test_a_run_gives_vllm_the_share_that_the_plan_promises(name, more, tmp_path):
    params = profile(name, *more)
    plan = make_plan(params)
    assert params.model.source
    assert plan.vllm
    published = published_config(params.model.source, download=False)
    config = AutoConfig.for_model(**published).to_dict()  # as a loaded policy has it
    held = bytes_beside_sampler(config, tmp_path, params)
    share = memory_share(held, params.hardware.gpu_memory_gb * 1e9)
    assert share == plan.vllm["gpu_memory_utilization"] > 0


def test_a_dense_index_that_gpus_search_lies_beside_vllm(tmp_path):
    (tmp_path / "dense").mkdir()
    (tmp_path / "dense" / "part_0.faiss").write_bytes(bytes(1000))
    (tmp_path / "dense" / "part_1.faiss").write_bytes(bytes(200))
    config = published_config("Qwen/Qwen2.5-3B", download=False)

    def more(*overrides):
        params = profile("paper_3b", *overrides)
        return bytes_beside_sampler(config, tmp_path, params) - bytes_beside_sampler(
            config, tmp_path / "nothing", params
        )

    assert more() == 0
    assert more("retrieval.device=cuda") == 1200
    assert more("retrieval.device=cuda", "retrieval.dtype=float16") == 600
