import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.hashes import sha256_folder
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.evaluation.fingerprint import changes, fingerprint
from stepsearch_core.evaluation.promotion import asked_again, promote, read_promotion
from stepsearch_core.params import EvaluateParams, Params, PolicyParams, RetrievalParams
from tests.profiles import profile


@pytest.fixture
def data(tmp_path):
    """What the stages leave, as far as a promotion reads it."""
    folder = tmp_path / "data"
    policy = folder / "train" / "policy"
    policy.mkdir(parents=True)
    (policy / "model.safetensors").write_bytes(b"weights")
    write_json(folder / "fetch" / "manifest.json", {"files": {"musique": {"sha256": "m"}}})
    write_json(folder / "corpus" / "manifest.json", {"hash": "c", "rows": 1})
    write_json(folder / "corpus" / "gold.json", {"another_text": {}})
    write_json(folder / "index" / "manifest.json", {"corpus": "c"})
    cell = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 1}
    write_json(folder / "evaluate" / "metrics.json", {"trained": {"mean": {"f1": cell}}})
    evaluated = {"policies": {"trained": sha256_folder(policy)}, "fingerprint": fingerprint(folder, PARAMS)}
    write_json(folder / "evaluate" / "evaluated.json", evaluated)
    write_jsonl(folder / "evaluate" / "records" / "trained" / "musique.jsonl", [{"id": "1"}])
    return folder


PARAMS = Params(profile="test", evaluate=EvaluateParams(benchmarks=["musique"]))


def places(folder):
    return {"target": folder / "promoted", "history": folder / "history.jsonl"}


def test_policy_and_evaluation_are_kept_and_recorded(data, tmp_path):
    target, history = tmp_path / "promoted", tmp_path / "history.jsonl"
    record = promote(data, PARAMS, target=target, history=history)
    (data / "train" / "policy" / "model.safetensors").write_bytes(b"trained anew")
    assert (target / "policy" / "model.safetensors").read_bytes() == b"weights"
    assert (target / "records" / "musique.jsonl").is_file()
    assert read_promotion(target) == record == json.loads(history.read_text())
    assert record["policy"] == sha256_folder(target / "policy")
    assert record["f1"]["value"] == 0.5


def test_the_record_says_what_the_evaluation_read_and_not_what_lies_there_now(data, tmp_path):
    before = fingerprint(data, PARAMS)
    write_json(data / "corpus" / "manifest.json", {"hash": "refreshed", "rows": 1})
    assert promote(data, PARAMS, **places(tmp_path))["fingerprint"] == before


def test_a_policy_that_was_not_evaluated_is_not_promoted(data, tmp_path):
    (data / "train" / "policy" / "model.safetensors").write_bytes(b"trained anew")
    with pytest.raises(DataError, match="dvc repro"):
        promote(data, PARAMS, **places(tmp_path))
    assert not (tmp_path / "promoted").exists()
    assert not (tmp_path / "history.jsonl").exists()


def test_a_policy_of_elsewhere_is_promoted_with_the_way_in_which_it_is_asked(data, tmp_path):
    source = tmp_path / "mine"
    source.mkdir()
    (source / "model.safetensors").write_bytes(b"other weights")
    evaluated = json.loads((data / "evaluate" / "evaluated.json").read_text())
    evaluated["policies"]["mine"] = sha256_folder(source)
    seen = {"retriever": "r"}
    evaluated["others"] = {"mine": {"changes": ["environment.max_searches=2"], "fingerprint": seen}}
    write_json(data / "evaluate" / "evaluated.json", evaluated)
    cell = {"value": 0.25, "low": 0.1, "high": 0.4, "n": 1}
    write_json(data / "evaluate" / "metrics.json", {"mine": {"mean": {"f1": cell}}})
    write_jsonl(data / "evaluate" / "records" / "mine" / "musique.jsonl", [{"id": "2"}])
    other = PolicyParams(str(source), changes=["environment.max_searches=1"])  # since the evaluation
    evaluate = EvaluateParams(benchmarks=["musique"], policies=["mine"], others={"mine": other})
    record = promote(data, Params(profile="test", evaluate=evaluate), "mine", **places(tmp_path))
    assert (record["name"], record["f1"]["value"]) == ("mine", 0.25)
    assert (record["changes"], record["fingerprint"]) == (["environment.max_searches=2"], seen)
    assert (tmp_path / "promoted" / "policy" / "model.safetensors").read_bytes() == b"other weights"
    assert json.loads((tmp_path / "promoted" / "records" / "musique.jsonl").read_text()) == {"id": "2"}
    asked = asked_again(record, profile("micro"))
    assert asked.environment.max_searches == 2 != profile("micro").environment.max_searches
    assert asked_again({"name": "trained"}, PARAMS) is PARAMS


@pytest.mark.parametrize("name", ["gold_keys", "another"])
def test_what_has_no_model_of_its_own_is_not_promoted(data, tmp_path, name):
    with pytest.raises(DataError, match=r"'evaluate\.policies': '\w+' is none of warmstart, trained$"):
        promote(data, PARAMS, name, **places(tmp_path))


def test_without_a_promotion_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="stepsearch promote"):
        read_promotion(tmp_path)


def test_a_fingerprint_tells_what_changed(data):
    before = fingerprint(data, PARAMS)
    assert changes(before, fingerprint(data, PARAMS)) == []
    write_json(data / "corpus" / "manifest.json", {"hash": "d", "rows": 1})
    write_json(data / "fetch" / "manifest.json", {"files": {"musique": {"sha256": "n"}}})
    after = fingerprint(
        data, Params(profile="x", evaluate=PARAMS.evaluate, retrieval=RetrievalParams(method="dense"))
    )
    assert changes(before, after) == ["benchmarks.musique", "corpus", "retriever"]
    older = {**after, "software": {**after["software"], "torch": "1.0"}}
    assert changes(after, older) == ["software.torch"]
