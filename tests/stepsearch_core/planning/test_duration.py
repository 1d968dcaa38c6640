import math

import pytest

from stepsearch_core.planning.duration import (
    Lengths,
    durations,
    forward_flops,
    question_count,
    training_passes,
    typical_lengths,
)
from stepsearch_core.planning.speed import Rates, rates
from stepsearch_core.training.architecture import Architecture, architecture
from tests.profiles import profile

SHAPE = Architecture(
    parameters=1000,
    actor=1000,
    trained=1000,
    critic=0,
    value_head=0,
    layers=2,
    hidden_size=8,
    intermediate_size=16,
    key_value_size=4,
    vocab_size=10,
    normalises_heads=False,
    embeddings=80,
)


def planned(name, *overrides):
    params = profile(name, *overrides)
    shape = architecture(params.model, params.tokenizer, params.environment.prompt, params.train)
    return durations(params, shape)


def test_a_forward_pass_by_hand():
    """100 tokens, 30 of them written: matrices of 920 parameters, attention over 50 on average, logits."""
    matrices, attention, logits = 2 * 920 * 100, 2 * 2 * 100 * 8 * 50 * 2, 2 * 30 * 10 * 8
    assert forward_flops(SHAPE, Lengths(100, 30, 30)) == matrices + attention + logits


def test_the_typical_trajectory_of_the_paper_s_limits():
    """Three of five searches; turns of 167 tokens, which is a third of 500; a prompt by its words."""
    environment = profile("paper_3b").environment
    lengths = typical_lengths(environment)
    assert lengths.written == 4 * 167
    assert 3 * 500 + 4 * 167 + 100 < lengths.tokens < 3 * 500 + 4 * 167 + 300
    assert lengths.longest == 6 * 500
    environment.max_trajectory_tokens = 1200
    short = typical_lengths(environment)
    assert (short.tokens, short.longest) == (1200, 1200)


def test_gradients_take_two_more_passes_recomputation_one_and_adapters_one_less():
    assert [training_passes(False), training_passes(True), training_passes(True, adapters=True)] == [3, 4, 3]


def test_a_card_s_rates_are_shares_of_its_data_sheet():
    assert rates("A100-80GB", "vllm") == Rates(0.4 * 312e12, 0.7 * 2039e9, 0.003)


def test_only_a_named_card_has_times():
    assert planned("tiny") is None
    assert planned("paper_3b", "hardware.gpu=null") is None
    assert planned("paper_3b", "model.dtype=float32") is None  # the data sheet's peak is of bfloat16


def test_a_step_of_the_paper_by_hand():
    """32 trajectories a GPU in one batch: as many passes as the longest writes, 3,000."""
    params = profile("paper_3b", "train.gradient_checkpointing=true", "rollout.engine=transformers")
    shape = architecture(params.model, params.tokenizer, "paper", params.train)
    made = durations(params, shape)
    tokens, flops, bandwidth = made.lengths.tokens, 0.4 * 989e12, 0.7 * 3350e9
    body = 36 * (2 * 2048 * 2048 + 2 * 2048 * 256 + 3 * 2048 * 11008)
    forward = 32 * (2 * tokens * body + 2 * 36 * 2048 * tokens**2 + 2 * 668 * 151936 * 2048) / flops
    assert made.update == pytest.approx(4 * forward, rel=1e-3)
    assert made.scoring == pytest.approx(2 * forward, rel=1e-3)  # policy and reference
    cache = 32 * 668 * (tokens // 2) * 2 * 36 * 256 * 2
    reading = (3000 * 2 * 3_085_938_688 + cache) / bandwidth
    assert made.rollout == pytest.approx(3000 * 0.025 + reading + forward, rel=1e-3)
    assert made.step == made.rollout + made.scoring + made.update
    assert made.train > 500 * made.step


@pytest.mark.slow
def test_what_costs_more_takes_longer():
    def step(*overrides):
        return planned("single_gpu", "rollout.engine=transformers", *overrides)

    plain = step()
    assert step("rollout.engine=vllm").rollout < plain.rollout / 3
    assert step("rollout.batch_size=16").rollout > plain.rollout
    assert step("train.gradient_checkpointing=false").update == pytest.approx(plain.update * 3 / 4)
    assert step("train.lora_rank=8").update == pytest.approx(plain.update * 3 / 4)
    assert step("train.kl_coefficient=0").scoring == pytest.approx(plain.scoring / 2)
    assert step("train.critic=model").scoring == pytest.approx(plain.scoring * 3 / 2)
    assert step("train.critic=model").update == pytest.approx(plain.update * 2)
    no_reference = ("train.algorithm=reinforce_pp", "train.kl_coefficient=0")
    assert step(*no_reference, "train.importance_sampling=never").scoring == 0
    assert step(*no_reference).scoring == pytest.approx(plain.scoring / 2)  # in bfloat16 it corrects
    assert step("train.epochs=3").update == pytest.approx(3 * plain.update)
    assert step("hardware.gpu=H100").update == pytest.approx(plain.update * 165 / 989)
    halved = step("train.processes=2", "hardware.gpus=2")
    assert halved.update == pytest.approx(plain.update / 2)
    assert halved.rollout < plain.rollout


def test_the_warm_start_goes_once_over_its_trajectories():
    once, thrice = planned("single_gpu"), planned("single_gpu", "warmstart.epochs=3")
    assert once.warmstart == pytest.approx(2000 / 64 * once.update)
    assert thrice.warmstart == pytest.approx(3 * once.warmstart)
    assert planned("single_gpu", "warmstart.epochs=0").warmstart is None


def test_questions_are_those_of_the_published_files():
    assert question_count(profile("paper_3b")) == 2417 + 7405 + 12_576 + 125
    assert question_count(profile("single_gpu")) == 3 * 500 + 125
    assert question_count(profile("tiny")) == 4 * 250
    assert question_count(profile("musique_local")) == 3 * 24
    assert question_count(profile("musique_local", "evaluate.questions=null")) is None


def test_evaluation_and_encoding_go_with_what_there_is_to_do():
    plain = planned("paper_3b", "evaluate.processes=1")
    sampled = planned("paper_3b", "evaluate.processes=1", "evaluate.samples=4")
    assert sampled.evaluate == pytest.approx(4 * plain.evaluate, rel=0.01)
    shared = planned("paper_3b", "evaluate.processes=8")
    assert shared.evaluate == pytest.approx(plain.evaluate / 8, rel=0.1)
    flops = 130 * 12 * (24 * 768**2 + 4 * 768 * 130)  # E5-base's twelve layers on 130 tokens
    assert plain.encode == pytest.approx(21_015_324 * flops / (0.4 * 989e12))
    assert planned("paper_3b", "index.processes=8").encode == pytest.approx(plain.encode / 8)
    assert planned("paper_3b", "index.ready_made=e5_Flat.index").encode is None
    assert math.isfinite(planned("paper_3b", "retrieval.encoder=someones/encoder").encode)
