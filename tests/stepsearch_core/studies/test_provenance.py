import yaml

from stepsearch_core.base.io import write_json
from stepsearch_core.studies.provenance import provenance
from stepsearch_core.studies.runs import Run
from tests.profiles import profile


def kept(folder, variant, seed, *, commit="a" * 40, torch="2.13", start="c"):
    """A run of a variant, and its results."""
    replicate = [f"seed={seed}"]
    changes = (f"train.algorithm={variant}", *replicate)
    run = Run("s", variant, "", seed, replicate, changes, profile("tiny", *changes))
    place = folder / f"{variant}{seed}"
    place.mkdir()
    write_json(place / "run.json", {"commit": commit, "packages": {"torch": torch}, "seconds": 1.0})
    stages = {
        name: {"outs": [{"md5": digit * 32}]}
        for name, digit in (("fetch", "f"), ("index", "1"), ("warmstart", start), ("train", "9"))
    }
    (place / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    return run, place


def test_commits_packages_parameters_and_data_are_told_by_what_they_are_of(tmp_path):
    runs = dict(
        (
            kept(tmp_path, "steppo", 0),
            kept(tmp_path, "ppo", 0, commit="b" * 40, torch="2.14"),
            kept(tmp_path, "steppo", 1, start="d"),
        )
    )
    told = provenance(runs)
    assert told["Code"] == {"commit aaaaaaaaaaaa": "2 runs", "commit bbbbbbbbbbbb": "1 runs"}
    assert told["Packages"] == {"torch": "2.13, 2.14"}
    hashes = told["Parameters, by their hashes"]
    assert list(hashes) == ["steppo", "ppo"]  # alike on every replicate
    assert len(set(hashes.values())) == 2
    same = "questions and corpus ffffffffffff, index 111111111111, warm start"
    assert told["Data, by DVC's hashes"] == {
        "seed 0": f"{same} cccccccccccc",
        "seed 1": f"{same} dddddddddddd",
    }
