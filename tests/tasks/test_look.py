"""What DVC's files say of a checkout in which the profile micro has run, and of damage to it."""

import shutil

import pytest

from tasks.look import look
from tests.checkout import profile, run


def said(*places):
    return {
        finding["place"]: finding["problem"]
        for finding in look()
        if not places or finding["place"] in places
    }


@pytest.fixture
def checkout(fork, monkeypatch):
    monkeypatch.chdir(fork)
    return fork


@pytest.mark.slow
def test_a_run_that_is_whole_has_no_findings_and_damage_has_its_own(checkout):
    assert said() == {}
    shutil.rmtree("data/report")
    next((checkout / "data" / "index").rglob("*.json")).unlink()
    profile(checkout, "micro", "warmstart.epochs=2", "train.steps=4")
    found = said()
    assert found["data/report"] == "was made and is not here"
    assert "files of" in found["data/index"]
    assert found["data/warmstart"] == "was made with another warmstart.epochs"
    assert found["data/train"] == "was made with another train.steps"
    assert set(found) == {"data/report", "data/index", "data/warmstart", "data/train"}


@pytest.mark.slow
def test_a_damaged_lock_is_all_there_is_to_say(checkout):
    lock = checkout / "dvc.lock"
    whole = lock.read_bytes()
    lock.write_bytes(whole[: len(whole) // 2])
    assert said() == {"dvc.lock": "damaged: DVC refuses to start"}
    assert "dvc.lock was damaged" in run(checkout, "tasks.repair")
    (checkout / ".dvc" / "tmp" / "rwlock").write_text("half")
    assert said(".dvc/tmp/rwlock") == {
        ".dvc/tmp/rwlock": "damaged, or left by a process that was killed: DVC refuses to start"
    }


@pytest.mark.slow
def test_a_stage_that_was_killed_has_left_a_folder(checkout):
    lines = (checkout / "dvc.lock").read_text()
    (checkout / "dvc.lock").write_text(lines[: lines.index("  train:\n")])
    assert "of a stage that did not come to its end: DVC knows nothing of it" in said("data/train").values()


def test_before_anything_has_run_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert look() == []
