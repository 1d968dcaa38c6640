import json

import pytest
from huggingface_hub import ModelCard

from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import write_json
from stepsearch_core.cli import main
from tests.profiles import whole
from tests.report_data import make_evaluated, make_metrics, write_outputs


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A checkout's outputs, with a trained policy that is the one measured."""
    monkeypatch.chdir(tmp_path)
    write_outputs(tmp_path / "data")
    write_json(tmp_path / "data" / "fetch" / "manifest.json", {"source": "world", "files": {}})
    policy = tmp_path / "data" / "train" / "policy"
    write_json(policy / "config.json", {"model_type": "qwen3"})
    (policy / "model.safetensors").write_bytes(b"weights")
    evaluated = make_evaluated()
    evaluated["policies"]["trained"] = sha256_folder(policy)
    write_json(tmp_path / "data" / "evaluate" / "evaluated.json", evaluated)
    (tmp_path / "params.yaml").write_text(whole("micro"))
    return tmp_path


def refused(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["export", *arguments])
    return str(stopped.value.code)


def test_results_in_three_files(here, capsys):
    main(["export", "results", "out"])
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "results.csv",
        "results.json",
        "results.md",
    ]
    rows = json.loads((here / "out" / "results.json").read_text())
    assert capsys.readouterr().out == f"{len(rows)} rows: out/results.json, results.csv and results.md\n"


def test_a_policy_with_its_card_and_the_stage_s_own_as_it_was(here, capsys):
    policy = here / "data" / "train" / "policy"
    before = sha256_folder(policy)
    main(["export", "model", "my-searcher"])
    assert sha256_folder(policy) == before
    assert (here / "my-searcher" / "model.safetensors").read_bytes() == b"weights"
    card = ModelCard.load(here / "my-searcher" / "README.md")
    assert card.data.model_name == "my-searcher"
    assert len(card.data.eval_results) == 6
    assert capsys.readouterr().out == "trained, with what was measured in its card: my-searcher\n"
    main(["export", "model", "other", "--name", "owner/name"])
    assert ModelCard.load(here / "other" / "README.md").data.model_name == "owner/name"


def test_what_is_there_is_not_replaced(here):
    (here / "out").mkdir()
    (here / "out" / "mine.txt").write_text("mine")
    for what in ("results", "model"):
        assert "out: is there already, and not empty" in refused(what, "out")
    assert [path.name for path in (here / "out").iterdir()] == ["mine.txt"]
    (here / "out" / "mine.txt").unlink()
    main(["export", "results", "out"])


@pytest.mark.parametrize("what", ["results", "model"])
def test_a_place_where_no_folder_can_be_made_is_one_line(here, what):
    (here / "file").touch()
    for place, reason in {"file/sub": "Not a directory", "/proc/xx": "No such file or directory"}.items():
        assert refused(what, place) == f"stepsearch: {place}: no folder can be made here: {reason}"
    long = "x" * 300
    assert refused(what, long) == f"stepsearch: {long}: no folder can be made here: File name too long"
    assert refused(what, "/") == "stepsearch: /: name a new folder"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["data/mine", "data", "elsewhere/../data/train/mine"])
@pytest.mark.parametrize("what", ["results", "model"])
def test_nothing_is_put_among_the_stages_outputs(here, what, place):
    assert refused(what, place).startswith(f"stepsearch: {place}: is among the stages' outputs")
    assert not (here / place).exists() or place == "data"


def test_another_policy_than_the_one_measured_is_refused(here):
    (here / "data" / "train" / "policy" / "model.safetensors").write_bytes(b"trained anew")
    assert "not the one that was measured" in refused("model", "out")
    assert not (here / "out").exists()


@pytest.mark.parametrize("policy", ["gold_questions", "released"])
def test_a_policy_without_a_model_is_refused(here, policy):
    assert f"no policy '{policy}' with a model; there are: warmstart, trained" in refused(
        "model", "out", "--policy", policy
    )


def test_a_policy_of_others_that_is_no_longer_named_is_refused(here):
    evaluated, metrics = make_evaluated(), make_metrics()
    for policies in (metrics, evaluated["policies"], evaluated["provenance"]["policies"]):
        policies["released"] = policies.pop("trained")
    write_json(here / "data" / "evaluate" / "evaluated.json", evaluated)
    write_json(here / "data" / "evaluate" / "metrics.json", metrics)
    assert refused("model", "out", "--policy", "released") == (
        "stepsearch: params.yaml: field 'evaluate.others': 'released' was evaluated but is no longer here:"
        " name it again, as it was then"
    )


def test_without_an_evaluation_it_is_one_line(here):
    (here / "data" / "evaluate" / "evaluated.json").unlink()
    assert refused("results", "out") == "stepsearch: data/evaluate/evaluated.json: no such file"
