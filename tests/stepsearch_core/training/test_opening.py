import pytest
from transformers import AutoConfig

from stepsearch_core.base.types import Passage
from stepsearch_core.params import TrainParams
from stepsearch_core.planning.plan import make_plan
from stepsearch_core.retrieval.similarity import TfidfSimilarity
from stepsearch_core.rewards.breakdown import Scorer
from stepsearch_core.sampling.vllm_arguments import memory_share
from stepsearch_core.training.architecture import published_config
from stepsearch_core.training.opening import KeptRecords, bytes_beside_sampler
from tests.oracles.episodes import answer, question, search, trajectory
from tests.profiles import profile

PASSAGES = {name: Passage(name, name, f"text of {name}") for name in ("gold", "other")}
PARAMS = TrainParams(validate_every=10, logged_trajectories=2)


def kept(step):
    scorer = Scorer(TfidfSimilarity.fit(PASSAGES.values()), {"q": question((["gold"], ["key"]))})
    played = [trajectory(search("key", "gold"), answer(text)) for text in ("Paris", "Rome", "Paris")]
    return KeptRecords(PARAMS, scorer, PASSAGES.__getitem__)(step, played)


def test_the_first_step_and_those_with_a_validation_are_kept():
    assert {step for step in range(1, 31) if kept(step)} == {1, 10, 20, 30}


def test_so_many_records_with_the_number_of_their_step():
    rows = kept(20)
    assert [(row["step"], row["prediction"], row["f1"]) for row in rows] == [
        (20, "Paris", 1.0),
        (20, "Rome", 0.0),
    ]
    assert [turn["information_gain"] for turn in rows[0]["turns"]] == [1.0, None]


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
