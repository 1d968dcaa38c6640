import json
import os
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen2Config

from perf import evaluation_kills, logits, real_model_memory, real_model_update
from perf.__main__ import main as perf_main
from perf.measure import peak_bytes
from perf.serve import concurrency
from perf.update_gpu import flops_per_token, tokens_per_second
from stepsearch_core.learning import logit_chunks
from stepsearch_core.params import load_params
from stepsearch_core.policy.models import save_policy
from tests import tiny
from tests.bert import save_bert
from tests.import_graph import ROOT
from tests.profiles import profile


def last_line(name, **environment):
    """The JSON object that a quick run prints last."""
    command = [sys.executable, "-m", "perf", name, "--quick"]
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    line = json.loads(ran.stdout.splitlines()[-1])
    assert set(line) == {"perf", "figures", "both_sides", "workload"}
    assert line["perf"] == name
    assert len(line["workload"]["sha256"]) == 64
    return line


@pytest.mark.slow
def test_gae():
    line = last_line("gae")
    assert line["figures"]["gae_max_error"] < 1e-12
    assert 1e-9 < line["figures"]["gae_max_error_fp32"] < 1e-5  # rounded to float32 it cannot be exact
    assert len(line["both_sides"]["errors_float64"]) == 6
    assert line["workload"]["trajectories"] == 100
    assert last_line("gae")["workload"] == line["workload"]


@pytest.mark.timing
def test_rewards(real_data):
    line = last_line("rewards")
    sides, figures = line["both_sides"], line["figures"]
    ratios = [a / b for a, b in zip(sides["released_microseconds"], sides["ours_microseconds"], strict=True)]
    assert figures["reward_speedup"] == pytest.approx(sorted(ratios)[1])
    assert figures["reward_speedup"] > 20  # 100 on an idle machine
    assert line["workload"]["repeats"] == 3
    assert 60 < line["workload"]["words_per_passage"] < 120


@pytest.mark.slow
def test_encoder(real_data, tmp_path):
    line = last_line("encoder", STEPSEARCH_ENCODER=save_bert(tmp_path / "bert"))
    sides, figures = line["both_sides"], line["figures"]
    (ratio,) = (b / a for a, b in zip(*sides.values(), strict=True))
    assert figures["bfloat16_speedup"] == pytest.approx(ratio)
    assert 0.99 < figures["least_cosine"] <= 1
    assert line["workload"]["dimensions"] == 16


@pytest.mark.slow
def test_without_published_text_the_rewards_are_skipped():
    ran = subprocess.run(
        [sys.executable, "-m", "perf", "rewards", "--quick"],
        cwd=ROOT,
        env={**os.environ, "STEPSEARCH_REAL_DATA": ""},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("skipped: STEPSEARCH_REAL_DATA")


@pytest.mark.slow
def test_gold_overlap(real_data):
    line = last_line("gold_overlap")
    figures, workload = line["figures"], line["workload"]
    assert figures["found at 0.6"] > 0.98  # the default of corpus.gold_overlap
    assert figures["mistaken at 0.6"] < figures["taken at 0.6"] < 0.2
    assert (workload["there"], workload["quantiles"][3]) == (200, 0.5)
    assert workload["quantiles_missing"][3] < 0.5 < workload["quantiles_there"][0]


@pytest.mark.nightly
def test_kills():
    figures = last_line("kills")["figures"]
    assert figures["identical"] == figures["ended_with_0"] == figures["rounds"] == 3


@pytest.mark.nightly
def test_an_evaluation_that_is_killed_ends_as_one_that_is_not(micro, monkeypatch):
    monkeypatch.chdir(micro)
    measured = evaluation_kills.resumed(micro / "data", load_params(), rounds=1)
    assert measured.figures == {"resume_equal": 1}
    assert measured.both_sides["seconds_left_alone"] > 0
    assert len(measured.both_sides["seconds_resumed"]) == measured.workload["rounds"] == 1


@pytest.mark.timing
def test_update():
    line = last_line("update", OMP_NUM_THREADS="1")
    sides, figures, tokens = line["both_sides"], line["figures"], line["workload"]["tokens"]
    ragged, equal = sides["ragged"], sides["equal"]
    assert [figures["packing_efficiency"]] == pytest.approx([ragged[0] / equal[0]])
    assert figures["packing_efficiency"] > 0.4  # .85 on an idle machine
    assert figures["update_speedup_share"] == pytest.approx(
        figures["update_speedup"] * tokens["useful"] / tokens["padded"]
    )
    assert figures["update_speedup"] > 1.2  # above 3 on an idle machine
    assert figures["deepspeed_overhead"] < 3  # 1.25 on an idle machine
    assert tokens["equal"] == pytest.approx(tokens["useful"], rel=0.01)


@pytest.mark.timing
def test_serve(micro):
    figures, sides, _ = concurrency(micro / "data", micro / "params.yaml", repeats=1)
    rates = sides["answers_per_second_many"][0] / sides["answers_per_second_one"][0]
    assert figures["serve_concurrency_gain"] == pytest.approx(rates)
    assert rates > 2  # eight slots, and 32 clients


@pytest.mark.parametrize(
    ("name", "variable", "message"),
    [
        ("grpo_step", "STEPSEARCH_PEERS_PYTHON", "skipped: STEPSEARCH_PEERS_PYTHON"),
        ("real_model", "STEPSEARCH_SMOLLM", "skipped: STEPSEARCH_SMOLLM"),
        ("update_gpu", "", "needs a CUDA GPU"),
    ],
)
def test_what_cannot_be_measured_here_says_what_it_needs(name, variable, message, monkeypatch, capsys):
    if name.endswith("_gpu") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.delenv(variable or "UNUSED", raising=False)
    monkeypatch.setattr(sys, "argv", ["perf", name, "--quick"])
    with pytest.raises(SystemExit) as ended:
        perf_main()
    assert ended.value.code not in (0, None)
    assert message in f"{capsys.readouterr().err}{ended.value.code}"


SHAPE: dict = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
CONFIG = Qwen2Config(vocab_size=100, num_key_value_heads=2, tie_word_embeddings=True, **SHAPE)
# a layer: q and o 32 * 32, k and v 32 * 16, biases 32 + 16 + 16, MLP 3 * 32 * 64, two norms; then the last
# norm
LAYERS = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 64 + 3 * 32 * 64 + 2 * 32) + 32


@pytest.mark.nightly
def test_logits():
    """Seconds vary with what else runs; memory does not."""
    figures = last_line("logits")["figures"]
    assert figures["logits_memory_ratio"] > 2.5  # above 5 with four times the tokens
    assert figures["logits_memory_ratio_float32"] > 2.5


def test_both_sides_of_logits_make_the_same(monkeypatch):
    monkeypatch.setattr(logits, "VOCABULARY", 2000)
    monkeypatch.setattr(logits, "HIDDEN", 64)
    monkeypatch.setattr(logit_chunks, "CHUNK_BYTES", 4 * 2000 * 50)
    passes = logits.both_passes(1000, torch.float32)
    for one, other in zip(passes["plain"](), passes["chunked"](), strict=True):
        assert float((one - other).norm() / other.norm()) < 1e-5
    assert peak_bytes(passes["plain"]) > 5 * peak_bytes(passes["chunked"])


@pytest.mark.slow
def test_the_update_of_a_real_model_runs_on_a_small_one_too(tmp_path):
    AutoModelForCausalLM.from_config(CONFIG).save_pretrained(tmp_path)
    measured = real_model_update.measure(tmp_path, 2, True)
    updates, limits, adapted = measured.both_sides.values()
    shares = [one / other for one, other in zip(updates, limits, strict=True)]
    speedups = [one / other for one, other in zip(adapted, updates, strict=True)]
    assert measured.figures == {
        "real_update_share": pytest.approx(sum(shares) / 2),
        "lora_update_speedup": pytest.approx(sum(speedups) / 2),
    }
    for row in real_model_update.ragged_lengths(20, 3):
        total = sum(map(abs, row))
        assert 300 <= total < 1100
        assert sum(size for size in row if size > 0) == pytest.approx(total / 4, abs=3)


@pytest.mark.slow
def test_the_step_whose_memory_is_measured_runs_on_a_small_model_too(tmp_path):
    word = tiny.tokenizer()
    save_policy(tiny.model(word), word, tmp_path)
    small = ["model.dtype=float32", "environment.max_turn_tokens=8", "environment.max_observation_tokens=16"]
    limits = ["environment.max_trajectory_tokens=60", "train.micro_batch_tokens=130", "rollout.batch_size=2"]
    params = profile("smollm", f"model.source={tmp_path}", *small, *limits)
    assert real_model_memory.step_lengths(params) == [[40 - 43, 40]] * 6  # three of 43 are 129
    real_model_memory.step(params)


@pytest.mark.slow
def test_the_gpus_update_runs_on_a_small_shape_too():
    rates = tokens_per_second(CONFIG, rows=2, repeats=2, micro_batch_tokens=2048)
    assert len(rates) == 2
    assert min(rates) > 0
    assert flops_per_token(CONFIG) == pytest.approx(6 * (LAYERS + 3200 * 400 / 1700) + 12 * 2 * 32 * 850)


@pytest.mark.nightly
def test_retrieval(real_data):
    line = last_line("retrieval")
    figures, sides = line["figures"], line["both_sides"]
    ours, blocking = sides["requests_per_second_ours"], sides["requests_per_second_blocking"]
    assert figures["server_speedup"] == pytest.approx(ours[0] / blocking[0])
    assert figures["server_speedup"] > 1.5  # 3 on an idle machine
    assert figures["bm25_recall_3"] == pytest.approx(0.749, abs=0.01)
    assert figures["bm25_recall_10"] == pytest.approx(0.849, abs=0.01)
    assert line["workload"]["passages"] == 36836
