import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.planning.lines import plan_lines
from stepsearch_core.planning.plan import check_fits, main_memory_bytes, make_plan
from stepsearch_core.training.memory import PROGRAM_BYTES
from tests.profiles import NAMES, profile

GPU_PROFILES = ("single_gpu", "paper_3b", "paper_7b")


def planned(name, *overrides):
    params = profile(name, *overrides)
    return make_plan(params), params


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_profile_fits_the_hardware_that_it_names(name):
    plan, params = planned(name)
    check_fits(plan, params)
    assert f"{plan.shape.parameters:,} parameters" in plan_lines(plan, params)[1]
    assert (plan.vllm is None) == (params.rollout.engine == "transformers")


@pytest.mark.slow
@pytest.mark.parametrize("name", GPU_PROFILES)
@pytest.mark.parametrize("kind", ["gpu_memory_gb", "memory_gb", "disk_gb"])
def test_a_smaller_machine_is_refused_with_the_numbers(name, kind):
    plan, params = planned(name, f"hardware.{kind}=12")
    with pytest.raises(
        ParamsError, match=rf"does not fit: .* GB needed, [\d.]+ GB available \(hardware\.{kind}\)"
    ):
        check_fits(plan, params)


@pytest.mark.parametrize(
    "override", ["train.processes=1", "train.zero_stage=0", "train.gradient_checkpointing=false"]
)
def test_the_papers_larger_model_needs_each_of_its_settings(override):
    with pytest.raises(ParamsError, match="memory of each GPU"):
        check_fits(*planned("paper_7b", "train.gradient_dtype=model", override))


def test_every_process_has_a_gpu_of_its_own():
    with pytest.raises(ParamsError, match="8 processes need as many GPUs; there are 4"):
        check_fits(*planned("paper_7b", "hardware.gpus=4"))


def test_without_gpus_everything_lies_in_main_memory():
    plan, params = planned("tiny", "hardware.memory_gb=0.1")
    assert plan.states["weights"] == 4 * plan.shape.trained
    with pytest.raises(ParamsError, match=r"main memory: [\d.]+ GB needed, 0\.10 GB available"):
        check_fits(plan, params)


def test_main_memory_holds_the_program_and_the_optimizer_s_step_as_well():
    """4 bytes a trained parameter, in bfloat16 alone, and only where there is no GPU."""
    plan, _ = planned("tiny", "model.dtype=bfloat16")
    assert plan.states["program"] == plan.warmstart["program"] == PROGRAM_BYTES
    assert plan.update["optimizer's step"] == 4 * plan.shape.trained
    assert plan.warmstart["optimizer's step"] == 4 * plan.shape.parameters
    assert plan.training_peak == sum(plan.states.values()) + sum(plan.update.values())
    assert plan.peak >= plan.training_peak
    summed = ("train.zero_stage=2", "train.gradient_dtype=float32")
    for others in (summed, ("model.dtype=float32",)):
        assert "optimizer's step" not in planned("tiny", "model.dtype=bfloat16", *others)[0].update
    sharded = planned("tiny", "model.dtype=bfloat16", "train.zero_stage=1", "train.processes=2")[0]
    assert sharded.update["optimizer's step"] == 2 * plan.shape.trained
    on_gpu, _ = planned("single_gpu")
    assert not {"program", "optimizer's step"} & {*on_gpu.states, *on_gpu.update, *on_gpu.warmstart}


def test_an_index_on_a_gpu_is_in_its_memory_and_not_in_main_memory():
    """By hand: 21,015,324 vectors of 768 numbers, of 4 bytes or in half precision 2."""
    vectors = 21_015_324 * 768
    plan, _ = planned("paper_3b")
    assert plan.index == 4 * vectors
    assert "dense index" not in plan.states
    plan, _ = planned("paper_3b", "retrieval.device=cuda")
    assert plan.index < 1e9  # what building a part takes
    assert plan.states["dense index"] == 4 * vectors
    plan, _ = planned("paper_3b", "retrieval.device=cuda", "retrieval.dtype=float16")
    assert plan.states["dense index"] == 2 * vectors


@pytest.mark.slow
def test_what_a_service_holds_is_not_needed_here():
    here, _ = planned("paper_3b")
    plan, params = planned(
        "paper_3b",
        "retrieval.method=remote",
        "retrieval.url=http://host",
        "index.measured_methods=[remote]",
        "synthesize.sources=[remote]",
    )
    assert here.index > 64e9
    assert plan.index == 0
    assert "dense index in main memory: none" in plan_lines(plan, params)
    assert "intfloat/e5-base-v2" not in plan.downloads


def test_the_peak_is_the_larger_of_sampling_and_update():
    plan, _ = planned("paper_7b")
    held = sum(plan.states.values())
    sampling, update = sum(plan.sampling.values()), sum(plan.update.values())
    assert plan.peak == held + max(sampling, update)
    assert plan.tokens_per_step == 256 * 4096


@pytest.mark.slow
def test_a_critic_model_adapters_and_zero_3_are_counted():
    """Qwen2.5-0.5B on two GPUs: 494,032,768 parameters; rank 8 adds 8 (in + out) for each linear layer."""
    count, layers, adapters = 494_032_768, 24, 8 * (4 * 896 + 2 * (896 + 128) + 3 * (896 + 4864))
    parts = {}
    for name, overrides in {
        "plain": [],
        "critic": ["train.critic=model"],
        "lora": ["train.lora_rank=8"],
        "no_kl": ["train.kl_coefficient=0"],
        "grpo": ["train.algorithm=grpo", "train.samples_per_question=2"],
        "zero3": ["train.zero_stage=3", "train.processes=2", "hardware.gpus=2"],
    }.items():
        parts[name] = planned("single_gpu", *overrides)[0]
    assert parts["plain"].states["reference"] == 2 * count
    assert parts["critic"].shape.critic == count + 896 + 1
    assert parts["critic"].states["critic"] == 14 * parts["critic"].shape.critic
    assert parts["lora"].shape.trained == layers * adapters
    assert parts["lora"].shape.value_head == 896 * 896 + 896 + 896 + 1
    assert "reference" not in parts["lora"].states
    assert "reference" not in parts["no_kl"].states
    assert parts["grpo"].shape.trained == parts["grpo"].shape.actor == count
    assert parts["zero3"].states["reference"] == count
    assert parts["zero3"].states["whole policy"] == 2 * count


def test_adapters_cost_holes_in_main_memory_and_none_on_a_gpu():
    adapted, whole = (planned("smollm", f"train.lora_rank={rank}")[0] for rank in (16, 0))
    holes = adapted.update["holes by adapters"]
    assert holes == pytest.approx(0.3 * adapted.update["activations"])
    assert adapted.training_peak == pytest.approx(sum((adapted.states | adapted.update).values()))
    assert "holes by adapters" not in whole.update
    assert "holes by adapters" not in planned("single_gpu", "train.lora_rank=8")[0].update


def test_what_is_offloaded_counts_as_main_memory_of_all_processes():
    """Qwen2.5-3B on eight GPUs: 12 + 4 + 2 bytes a trained parameter, 2 a parameter of the reference."""
    plain, _ = planned("paper_3b")
    plan, params = planned("paper_3b", "train.offload_optimizer=true", "train.offload_reference=true")
    assert plain.offloaded == 0
    assert plan.offloaded == 18 * plan.shape.trained + 2 * plan.shape.parameters
    freed = plain.states["optimizer states"] + plain.states["reference"]
    assert sum(plan.states.values()) == sum(plain.states.values()) - freed
    check_fits(plan, params)
    params.hardware.memory_gb = (plan.index + plan.offloaded + plan.kept_states - 1) / 1e9
    with pytest.raises(ParamsError, match="main memory"):
        check_fits(plan, params)


@pytest.mark.parametrize("name", GPU_PROFILES)
def test_vllm_gets_a_share_of_the_gpu_and_no_more(name):
    plan, params = planned(name)
    assert plan.vllm is not None
    given = plan.vllm["gpu_memory_utilization"] * params.hardware.gpu_memory_gb * 1e9
    assert plan.sampling == {"vLLM's share": pytest.approx(given)}
    assert sum(plan.states.values()) + given <= 0.95 * params.hardware.gpu_memory_gb * 1e9


def test_transformers_samples_with_the_weights_that_are_there():
    plan, _ = planned("paper_7b", "rollout.engine=transformers")
    assert plan.vllm is None
    # 28 layers of 4 heads of 128, keys and values, 2 bytes each
    assert plan.sampling == {"key-value cache": 32 * 4096 * 28 * 2 * 4 * 128 * 2}


def test_a_model_that_does_not_fit_beside_the_trainer_is_split_over_gpus():
    """Beside 66.6 GB of states .16 of 85 GB are left for 15.2 GB of weights."""
    whole = (
        "train.critic=model",
        "hardware.gpu_memory_gb=85",
        "train.micro_batch_tokens=4096",
        "environment.max_turn_tokens=100",
    )
    with pytest.raises(
        ParamsError, match=r"vLLM's share of each GPU: 15\.\d+ GB needed, 13\.60 GB .+tensor"
    ):
        check_fits(*planned("paper_7b", *whole))
    halves = ("rollout.tensor_parallel=2", "evaluate.processes=8")
    plan, params = planned("paper_7b", *whole, *halves)
    check_fits(plan, params)


def test_main_memory_holds_the_processes_of_the_larger_stage():
    plan, params = planned("tiny", "warmstart.processes=3", "train.processes=2")
    assert main_memory_bytes(plan, params) == plan.index + plan.kept_states + 3 * plan.peak
    plan, params = planned("single_gpu")  # whose processes are on the GPU
    assert main_memory_bytes(plan, params) == plan.index + plan.offloaded + plan.kept_states


def test_the_deepspeed_configuration_is_that_of_training():
    plan, _ = planned("paper_7b")
    assert plan.deepspeed["zero_optimization"]["stage"] == 2
    assert plan.deepspeed["communication_data_type"] == "fp32"
    assert plan.deepspeed["bf16"] == {"enabled": True}
    assert planned("tiny")[0].deepspeed["bf16"] == {"enabled": False}


def test_a_value_head_s_states_wait_in_main_memory_and_a_critic_model_has_none():
    """256 trajectories of at most 3,000 tokens of 2,048 bfloat16 numbers, on one machine or two."""
    plan, params = planned("paper_3b")
    assert plan.kept_states == 256 * 3000 * 2048 * 2
    assert planned("paper_3b", "hardware.machines=2")[0].kept_states == plan.kept_states / 2
    assert planned("paper_3b", "train.critic=model")[0].kept_states == 0
    params.hardware.memory_gb = (plan.index + plan.kept_states - 1) / 1e9
    with pytest.raises(ParamsError, match="main memory"):
        check_fits(plan, params)


def test_the_warm_start_is_counted_and_fits_as_training_does():
    begun = ("warmstart.epochs=1", "warmstart.processes=8")
    plan, params = planned("paper_7b", *begun)
    check_fits(plan, params)
    count = 7_615_616_512
    states = plan.warmstart["weights"] + plan.warmstart["gradients"] + plan.warmstart["optimizer states"]
    assert states == 2 * count + (4 + 12) * count / 8
    too_much = ("zero_stage=0", "micro_batch_tokens=600000", "processes=1")
    for override in (f"warmstart.{setting}" for setting in too_much):
        with pytest.raises(ParamsError, match="memory of each GPU"):
            check_fits(*planned("paper_7b", *begun, "warmstart.gradient_dtype=model", override))
    kept = planned("paper_7b", *begun, "warmstart.gradient_checkpointing=false")[0].warmstart
    assert kept["activations"] > 10 * plan.warmstart["activations"]
    assert not planned("paper_7b")[0].warmstart  # no epochs, nothing to hold
    wider, _ = planned("paper_7b", *begun, "warmstart.batch_size=320")
    assert wider.warmstart == plan.warmstart
    assert plan.warmstart["activations"] == plan.update["activations"]  # of as many tokens
