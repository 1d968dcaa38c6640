"""Work in progress is named by what DVC reads: compared with DVC itself, and seen in a checkout that is
changed.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

from stepsearch_core.params import RetrievalParams, load_params
from stepsearch_core.runtime.work_folder import WorkFolder
from tasks import made_by as module
from tasks.made_by import made_by
from tasks.pipeline import listed
from tasks.searching import made_by_searching
from tasks.train import run_folder
from tests.checkout import copy_checkout
from tests.import_graph import ROOT
from tests.profiles import whole
from tests.services import Service

LONG = ("index", "synthesize", "warmstart", "train", "evaluate")
"""Stages that keep work in progress."""
SEARCH = ("synthesize", "train", "evaluate")
"""Those of them that search."""


def asked_of_dvc(stage) -> tuple[dict, set[str]]:
    """The values of the parameters that a stage names, and its other dependencies, as DVC resolves them."""
    values, deps = {}, set()
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            values |= dep.get_hash().value
        else:
            deps.add(dep.def_path)
    return values, deps


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["tiny", "musique_local"])
def test_parameters_and_inputs_are_those_that_dvc_sees(tmp_path, monkeypatch, profile):
    """`fetch` has a dependency that is a parameter, `report` all parameters."""
    for name in ("dvc.yaml", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "params.yaml").write_text(whole(profile))
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    with Repo() as repo:
        stages = {stage.name: asked_of_dvc(stage) for stage in repo.index.stages}
    params = load_params()
    assert len(stages) == 8
    for name, (values, deps) in stages.items():
        parameters, inputs = listed(name, params)
        assert set(map(str, inputs)) == deps
        assert parameters == values


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A checkout with something in every stage's folder."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout"))
    for name in ("fetch/musique.jsonl", "corpus/text", "index/manifest.json", "synthesize/train.jsonl"):
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text("{}\n")
    policies = [f"{stage}/policy/model.safetensors" for stage in ("warmstart", "train")]
    for name in ("synthesize/validation.jsonl", *policies):
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text("{}\n")
    return folder


@pytest.fixture
def name_of(copied, monkeypatch):
    """The name of a stage's work in progress, with parameters changed or not."""
    monkeypatch.chdir(copied)

    def name(stage, **changes):
        params = replace(load_params(), **changes)
        described = made_by_searching if stage in SEARCH else made_by
        return WorkFolder(Path("checkpoints"), *described(stage, params)).path.name

    return name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("train", "stepsearch_core/metrics/answers.py"),  # the answer reward
        ("train", "stepsearch_core/metrics/search.py"),
        ("train", "stepsearch_core/base/text.py"),
        ("train", "stepsearch_core/base/types.py"),
        ("train", "stepsearch_core/retrieval/bm25.py"),
        ("train", "stepsearch_core/rewards/information_gain.py"),
        ("train", "tasks/train.py"),
        ("train", "data/synthesize/validation.jsonl"),
        ("train", "data/warmstart/policy/model.safetensors"),
        ("synthesize", "stepsearch_core/base/text.py"),
        ("synthesize", "data/fetch/musique.jsonl"),
        ("index", "stepsearch_core/retrieval/encoders.py"),
        ("index", "data/corpus/text"),
        ("warmstart", "stepsearch_core/learning/sft.py"),
        ("warmstart", "data/synthesize/train.jsonl"),
        ("synthesize", "conf/prompts/search_r1.yaml"),
        ("warmstart", "conf/prompts/search_r1.yaml"),
        ("train", "conf/prompts/search_r1.yaml"),
        ("evaluate", "conf/prompts/search_r1.yaml"),
        ("evaluate", "data/fetch/musique.jsonl"),
        ("evaluate", "data/warmstart/policy/model.safetensors"),
    ],
)
def test_what_changes_a_result_starts_anew(copied, name_of, stage, file):
    path, before = copied / file, name_of(stage)
    kept = path.read_bytes()
    path.write_bytes(kept + b"\n")
    assert name_of(stage) != before
    path.write_bytes(kept)
    assert name_of(stage) == before


@pytest.mark.slow
@pytest.mark.parametrize("stage", LONG)
def test_watching_and_what_the_stage_does_not_read_changes_nothing(copied, name_of, stage):
    params = load_params()
    before = name_of(stage)
    watch = replace(
        params.watch, trackers=["dvclive", "wandb"], guard=replace(params.watch.guard, patience=1)
    )
    assert name_of(stage, watch=watch, report=replace(params.report, case_studies=3)) == before
    path = copied / "stepsearch_core" / "report" / "page.py"
    kept = path.read_bytes()
    path.write_bytes(kept + b"\n")
    assert name_of(stage) == before
    path.write_bytes(kept)
    searches = name_of(stage, retrieval=replace(params.retrieval, bm25_b=0.5)) != before
    assert searches == (stage != "warmstart")


def test_a_warm_start_from_a_folder_whose_files_change_starts_anew(name_of, tmp_path):
    (tmp_path / "weights").write_text("1")
    local = replace(load_params().model, source=str(tmp_path))
    before = name_of("warmstart", model=local)
    (tmp_path / "weights").write_text("2")
    assert name_of("warmstart", model=local) != before


@pytest.mark.slow
def test_a_parameter_of_training_starts_training_alone_anew(name_of):
    changed = replace(load_params().train, learning_rate=0.5)
    assert {stage for stage in LONG if name_of(stage, train=changed) != name_of(stage)} == {"train"}


def test_ranks_of_a_launcher_from_outside_count(copied, name_of, monkeypatch):
    alone = run_folder(load_params()).path
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run_folder(load_params()).path != alone


def test_a_local_encoders_files_and_other_software_start_anew(name_of, tmp_path, monkeypatch):
    (tmp_path / "weights").write_text("1")
    local = RetrievalParams(method="dense", encoder=str(tmp_path))
    before = name_of("synthesize", retrieval=local)
    (tmp_path / "weights").write_text("2")
    assert name_of("synthesize", retrieval=local) != before
    before = name_of("synthesize")
    monkeypatch.setattr(module, "versions", lambda: {"bm25s": "9.9"})
    assert name_of("synthesize") != before


@pytest.mark.slow
@pytest.mark.parametrize("stage", SEARCH)
def test_a_service_that_serves_something_else_starts_anew(name_of, stage):
    served = {"corpus": "c", "passages": 3, "index": "built", "method": "bm25"}
    with Service(lambda path, body: (200, {}, served)) as service:
        remote = RetrievalParams(method="remote", url=service.url)
        before = name_of(stage, retrieval=remote)
        assert name_of(stage, retrieval=remote) == before
        served["index"] = "built anew"
        assert name_of(stage, retrieval=remote) != before


def test_an_index_is_built_before_there_is_a_service_of_it(name_of):
    with Service(lambda path, body: (503, {}, {})) as service:
        name_of("index", retrieval=RetrievalParams(method="remote", url=service.url))
        assert service.asked == []


@pytest.mark.slow
def test_a_policy_of_elsewhere_whose_files_change_is_asked_anew(tmp_path, monkeypatch):
    """Answers of what the folder held before are not those of what it holds now."""
    for name in ("dvc.yaml", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for name in ("policy", "encoder"):
        Path(name).mkdir()
    others = "evaluate.others={mine: {source: policy, changes: [retrieval.encoder=encoder]}}"
    for policies, folders in (("[mine]", {"policy", "encoder"}), ("[warmstart, trained]", set())):
        after = "index" if folders else "train"
        text = whole("micro", others, f"evaluate.policies={policies}", f"evaluate.after={after}")
        Path("params.yaml").write_text(text)
        _, inputs = made_by("evaluate", load_params())
        assert {"policy", "encoder"} & set(map(str, inputs)) == folders
