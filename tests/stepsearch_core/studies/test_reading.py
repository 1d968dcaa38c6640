import json

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.studies.reading import read_log, read_outcome
from stepsearch_core.studies.runs import Run
from tests.profiles import profile
from tests.report_data import make_record

LOG = [{"step": 0, "validation/f1": 0.1}, {"step": 1, "f1": 0.2, "validation/f1": 0.3}]


@pytest.fixture
def run():
    asked = ("evaluate.policies=[warmstart,trained]", "evaluate.benchmarks=[musique]")
    return Run("s", "steppo", "hard", 2, ["seed=4", "fetch.world.seed=8"], asked, profile("tiny", *asked))


@pytest.fixture
def folder(tmp_path):
    """Results of a run: a question that the trained policy alone is right on."""
    write_jsonl(tmp_path / "data" / "train" / "metrics.jsonl", LOG)
    for policy, em in (("warmstart", 0.0), ("trained", 1.0)):
        file = tmp_path / "data" / "evaluate" / "records" / policy / "musique.jsonl"
        write_jsonl(file, [make_record("musique", 0, em)])
    return tmp_path


def test_a_run_is_read_as_its_analysis_wants_it(run, folder):
    write_json(folder / "data" / "timings" / "train.json", {"rollout": 1.5, "update": 2.0})
    made = read_outcome(run, folder)
    assert (made.setting, made.variant, made.replicate, made.label) == (
        "hard",
        "steppo",
        2,
        "seed 4, world 8",
    )
    assert made.log == LOG
    assert [records["musique"]["musique-0"].measures["em"] for records in (made.before, made.records)] == [
        0.0,
        1.0,
    ]
    assert (made.trajectories_per_step, made.seconds) == (128, 3.5)


def test_how_long_is_not_known_of_what_dvc_had(run, folder):
    assert read_outcome(run, folder).seconds is None


def test_what_is_damaged_is_named(run, folder):
    file = folder / "data" / "train" / "metrics.jsonl"
    file.write_text(json.dumps(LOG[0]) + "\n{")
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 2"):
        read_log(folder)
