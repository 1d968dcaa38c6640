"""The whole pipeline as a user runs it, in copies of this checkout: stages, caching, metrics, remotes and
the flow.
"""

import json
import math
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.params import BENCHMARKS
from tests.checkout import commit, copy_checkout, dvc, profile, run, stages_run

pytestmark = pytest.mark.slow

STAGES = ["fetch", "corpus", "index", "synthesize", "warmstart", "train", "evaluate", "report"]


@pytest.fixture(scope="module")
def micro(tmp_path_factory) -> Path:
    """A checkout in which the micro profile has run; tests that change anything work in a `fork` of it."""
    folder = copy_checkout(tmp_path_factory.mktemp("micro"))
    profile(folder, "micro")
    assert stages_run(dvc(folder, "repro")) == STAGES
    return folder


@pytest.fixture
def fork(micro, tmp_path) -> Path:
    return Path(shutil.copytree(micro, tmp_path / "fork", symlinks=True))


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def assert_well_formed(metrics: dict, benchmarks: list[str], questions: int) -> None:
    """policy (and `gain`) -> benchmark (and `mean`) -> metric -> {value, low, high, n}"""
    assert set(metrics) == {"warmstart", "trained", "oracle", "gain"}
    for policy in ("warmstart", "trained", "gain"):
        assert set(metrics[policy]) == {*benchmarks, "mean"}
    for values in (values for policy in metrics.values() for values in policy.values()):
        assert set(values) == set(EVALUATED)
        for cell in values.values():
            assert set(cell) == {"value", "low", "high", "n"}
            if cell["n"]:
                assert math.isfinite(cell["value"])
                assert cell["low"] <= cell["value"] <= cell["high"]
            else:  # nothing to average: no trajectory searched twice, say
                assert cell["value"] is cell["low"] is cell["high"] is None
    assert {metrics["trained"][name]["f1"]["n"] for name in benchmarks} == {questions}
    for policy in ("warmstart", "trained"):
        mean = sum(metrics[policy][name]["f1"]["value"] for name in benchmarks) / len(benchmarks)
        assert metrics[policy]["mean"]["f1"]["value"] == pytest.approx(mean, abs=1e-9)
    gain = metrics["trained"]["mean"]["f1"]["value"] - metrics["warmstart"]["mean"]["f1"]["value"]
    assert metrics["gain"]["mean"]["f1"]["value"] == pytest.approx(gain, abs=1e-9)


def test_every_stage_leaves_what_it_promises(micro):
    data = micro / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == {*STAGES, "timings"}
    assert read(data / "fetch" / "manifest.json")
    metrics = read(data / "evaluate" / "metrics.json")
    assert_well_formed(metrics, list(BENCHMARKS), questions=20)
    assert (
        metrics["trained"]["mean"]["searches"]["value"] > 0
    )  # else comparing two runs would compare nothing
    page = (data / "report" / "index.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert 'src="http' not in page
    shown = run(micro, "stepsearch_core.cli", "show")
    assert "Mean" in shown
    assert "train, when it last ran here: rollout " in shown


@pytest.mark.parametrize("stage", ["warmstart", "train"])
def test_policies_are_ordinary_hugging_face_folders(micro, stage):
    config = next((micro / "data" / stage).rglob("config.json"))
    model = AutoModelForCausalLM.from_pretrained(config.parent)
    tokenizer = AutoTokenizer.from_pretrained(config.parent)
    assert model.config.model_type == "qwen3"
    assert len(tokenizer) <= model.config.vocab_size
    assert list(config.parent.glob("*.safetensors"))


def test_nothing_changed_nothing_runs_within_five_seconds(micro):
    times = []
    for _ in range(3):  # the best of three: other work on the machine is not what is measured
        started = time.monotonic()
        assert stages_run(dvc(micro, "repro")) == []
        times.append(time.monotonic() - started)
    assert min(times) < 5


def test_a_changed_training_parameter_reruns_training_evaluation_and_report_only(fork):
    profile(fork, "micro", "train.kl_coefficient=0.02")
    assert stages_run(dvc(fork, "repro")) == ["train", "evaluate", "report"]


def test_other_limits_and_trackers_train_nothing_again(fork):
    profile(fork, "micro", "watch.guard.patience=3", "watch.trackers=[dvclive,tensorboard]")
    assert stages_run(dvc(fork, "repro")) == ["report"]  # which prints all parameters


def test_two_processes_train_as_one_does(micro, fork):
    profile(fork, "micro", "train.processes=2")
    assert stages_run(dvc(fork, "repro", "train")) == ["train"]
    for expected, row in zip(metrics_rows(micro), metrics_rows(fork), strict=True):
        assert row == pytest.approx(expected, abs=1e-4)
    assert {path.name for path in (fork / "data" / "train").iterdir()} == {
        path.name for path in (micro / "data" / "train").iterdir()
    }


def metrics_rows(folder: Path) -> list[dict]:
    """The training's rows."""
    lines = (folder / "data" / "train" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_going_back_to_earlier_parameters_runs_nothing(fork):
    profile(fork, "micro", "report.case_studies=1")
    assert stages_run(dvc(fork, "repro")) == ["report"]
    profile(fork, "micro")
    assert stages_run(dvc(fork, "repro")) == []


def test_metrics_plots_and_dag_show(fork):
    shown = json.loads(dvc(fork, "metrics", "show", "--json"))
    metrics = read(fork / "data" / "evaluate" / "metrics.json")
    assert shown[""]["data"]["data/evaluate/metrics.json"]["data"] == metrics
    dvc(fork, "plots", "show")
    page = (fork / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    for title in ("Answer F1", "Response length", "Search-key reward", "Searches per question"):
        assert title in page
    dag = dvc(fork, "dag", "--dot")
    assert '"train" -> "evaluate"' in dag


def test_pushed_results_can_be_pulled_elsewhere(fork, tmp_path):
    dvc(fork, "remote", "add", "--default", "store", str(tmp_path / "store"))
    dvc(fork, "push")
    commit(fork)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(fork), str(clone)], check=True)
    dvc(clone, "pull")
    assert stages_run(dvc(clone, "repro")) == []
    name = Path("data") / "evaluate" / "metrics.json"
    assert (clone / name).read_bytes() == (fork / name).read_bytes()


def test_the_flow_runs_the_same_stages_and_the_same_seed_gives_the_same_bytes(micro, tmp_path):
    """All outputs are alike, and so is dvc.lock, which names them: `dvc status` and git prove a
    reproduction.
    """
    again = copy_checkout(tmp_path)
    output = run(again, "flows.train_stepsearch", "--profile", "micro")
    assert stages_run_in_log(output) == STAGES
    assert "Completed" in output
    for stage in STAGES:
        assert files(again / "data" / stage) == files(micro / "data" / stage)
    assert (again / "dvc.lock").read_bytes() == (micro / "dvc.lock").read_bytes()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stages_run_in_log(output: str) -> list[str]:
    """The stages named by `Running stage` in Prefect's log lines."""
    return [
        line.split("Running stage '")[1].split("'")[0]
        for line in output.splitlines()
        if "Running stage '" in line
    ]


def test_the_flow_fails_with_the_stage_and_its_reason(tmp_path):
    checkout = copy_checkout(tmp_path)
    overrides = ["fetch.folder=conf"]  # a folder without the files
    output = run(checkout, "flows.train_stepsearch", "--profile", "musique_local", *overrides, check=False)
    assert "stage fetch failed" in output
    assert "fetch.files.musique_train: conf/musique_ans_train100.jsonl: no such file" in output
    assert "Running stage 'corpus'" not in output


def test_published_text_goes_through_all_stages(tmp_path, real_data):
    folder = copy_checkout(tmp_path)
    profile(folder, "musique_local", f"fetch.folder={real_data}")
    assert stages_run(dvc(folder, "repro")) == STAGES
    benchmarks = ["musique", "hotpotqa", "2wikimultihopqa"]
    assert_well_formed(read(folder / "data" / "evaluate" / "metrics.json"), benchmarks, questions=24)
    dev551 = read(folder / "data" / "index" / "report.json")["methods"]["bm25"]["musique"]
    found = {depth: cell["value"] for depth, cell in dev551["sub_question_recall"].items()}
    assert found == pytest.approx({"3": 0.749, "10": 0.849}, abs=0.01)
    assert dev551["question_all_supports"]["3"]["value"] == pytest.approx(0.091, abs=0.01)
    page = (folder / "data" / "report" / "index.html").read_text(encoding="utf-8")
    assert "0.752" in page or "75.2" in page
