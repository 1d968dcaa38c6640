"""The whole pipeline as a user runs it, in copies of this checkout: stages, caching, metrics, remotes and
the flow.
"""

import json
import math
import subprocess
import time
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from stepsearch_core.metrics.measures import EVALUATED
from stepsearch_core.params import PAPER_BENCHMARKS, load_params
from tests.checkout import STAGES, commit, copy_checkout, dvc, profile, run, stages_run

pytestmark = pytest.mark.slow

PUBLISHED = ["musique", "hotpotqa", "2wikimultihopqa"]


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def assert_well_formed(metrics: dict, benchmarks: list[str], questions: int) -> None:
    """policy (and `gain`) -> benchmark (and `mean`) -> metric -> {value, low, high, n}; and all pairs"""
    pairs = metrics["paired"]
    metrics = {name: columns for name, columns in metrics.items() if name != "paired"}
    assert set(metrics) == {"warmstart", "trained", "gold_questions", "gold_keys", "gain"}
    assert len(pairs) == 4 * 3 / 2
    assert all(set(columns) == {*benchmarks, "mean"} for columns in pairs.values())
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
    assert_well_formed(metrics, list(PAPER_BENCHMARKS), questions=20)
    # else comparing two runs would compare nothing
    assert metrics["trained"]["mean"]["searches"]["value"] > 0
    page = (data / "report" / "index.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert 'src="http' not in page
    shown = run(micro, "stepsearch_core.cli", "show")
    assert "Mean" in shown
    assert "train, when it last ran here: rollout " in shown
    planned = run(micro, "stepsearch_core.cli", "plan", "micro")
    assert "measured here: " in planned
    assert "for 3 of 3 steps" in planned


@pytest.mark.parametrize("stage", ["warmstart", "train"])
def test_policies_are_ordinary_hugging_face_folders(micro, stage):
    config = next((micro / "data" / stage).rglob("config.json"))
    model = AutoModelForCausalLM.from_pretrained(config.parent)
    tokenizer = AutoTokenizer.from_pretrained(config.parent)
    assert model.config.model_type == "qwen3"
    assert len(tokenizer) <= model.config.vocab_size
    assert list(config.parent.glob("*.safetensors"))


@pytest.mark.timing
def test_nothing_changed_nothing_runs_within_five_seconds(tmp_path):
    """What the stages left is of no account here: DVC is told that it is theirs."""
    folder = copy_checkout(tmp_path)
    for stage in STAGES:
        (folder / "data" / stage).mkdir(parents=True)
        (folder / "data" / stage / "result").write_text(stage)
    dvc(folder, "commit", "--force")
    times = []
    for _ in range(3):  # the best of three: other work on the machine is not what is measured
        started = time.monotonic()
        output = dvc(folder, "repro")
        times.append(time.monotonic() - started)
        assert output.count("didn't change, skipping") == len(STAGES)
    assert min(times) < 5


def test_other_limits_and_trackers_train_nothing_again(fork):
    profile(fork, "micro", "watch.guard.patience=3", "watch.trackers=[dvclive,tensorboard]")
    assert stages_run(dvc(fork, "repro")) == ["report"]  # which prints all parameters


def test_a_changed_training_parameter_reruns_training_evaluation_and_report_only(micro, fork):
    """The parameter is the number of processes: two train as one does."""
    profile(fork, "micro", "train.processes=2")
    assert stages_run(dvc(fork, "repro")) == ["train", "evaluate", "report"]
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
    for title in ("F1", "Response length", "Search-key reward", "Searches"):
        assert f"{title} over training" in page
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


def test_the_flow_runs_what_is_out_of_date(fork):
    """That it runs all stages, and leaves what `dvc repro` leaves, is in `tests/flows/test_service.py`."""
    output = run(fork, "flows.train_stepsearch", "--profile", "micro", "report.case_studies=1")
    assert output.count("Running stage '") == output.count("Running stage 'report'") == 1
    assert "Completed" in output


def test_the_flow_fails_with_the_stage_and_its_reason(tmp_path):
    checkout = copy_checkout(tmp_path)
    overrides = ["fetch.folder=conf"]  # a folder without the files
    output = run(checkout, "flows.train_stepsearch", "--profile", "musique_local", *overrides, check=False)
    assert "stage fetch failed" in output
    assert "fetch.files.musique_train: conf/musique_ans_train100.jsonl: no such file" in output
    assert "Running stage 'corpus'" not in output


def test_some_published_text_goes_through_all_stages(tmp_path, real_data):
    """The first rows of each file: what is found among all of them is in `test_coverage.py`."""
    folder = copy_checkout(tmp_path / "checkout")
    small = (
        "synthesize.trajectories=16",
        "train.steps=1",
        "evaluate.questions=4",
        "environment.max_searches=2",
    )
    files = (f"fetch.folder={tmp_path / 'published'}", "corpus.include_benchmarks=true")
    profile(folder, "musique_local", *files, *small)
    names = load_params(folder / "params.yaml").fetch.files
    shorten(real_data, tmp_path / "published", names, rows=60)
    assert stages_run(dvc(folder, "repro")) == STAGES
    assert_well_formed(read(folder / "data" / "evaluate" / "metrics.json"), PUBLISHED, questions=4)


def shorten(published: Path, folder: Path, names: dict[str, str], rows: int) -> None:
    """Write the first rows of each file, and ten times as many passages."""
    folder.mkdir()
    for name, file in names.items():
        count = 10 * rows if name == "corpus" else rows
        text = (published / file).read_text(encoding="utf-8")
        if file.endswith(".jsonl"):
            short = "\n".join(text.split("\n")[:count])
        else:
            short = json.dumps(json.loads(text)[:count])
        (folder / file).write_text(short, encoding="utf-8")


@pytest.mark.nightly
def test_published_text_goes_through_all_stages(tmp_path, real_data):
    folder = copy_checkout(tmp_path)
    profile(folder, "musique_local", f"fetch.folder={real_data}")
    assert stages_run(dvc(folder, "repro")) == STAGES
    assert_well_formed(read(folder / "data" / "evaluate" / "metrics.json"), PUBLISHED, questions=24)
    dev551 = read(folder / "data" / "index" / "report.json")["methods"]["bm25"]["musique"]
    found = {depth: cell["value"] for depth, cell in dev551["sub_question_recall"].items()}
    assert found == pytest.approx({"3": 0.749, "10": 0.849}, abs=0.01)
    assert dev551["question_all_supports"]["3"]["value"] == pytest.approx(0.091, abs=0.01)
    page = (folder / "data" / "report" / "index.html").read_text(encoding="utf-8")
    assert "0.752" in page or "75.2" in page
