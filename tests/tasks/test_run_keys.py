import subprocess

import pytest

from tasks.run_keys import SHARED, UncommittedError, _content, check_committed, run_key
from tests.checkout import commit
from tests.profiles import profile
from tests.toy_study import toy_checkout


@pytest.fixture
def toy(tmp_path, monkeypatch):
    folder = toy_checkout(tmp_path)
    monkeypatch.chdir(folder)
    return folder


def differ(first, second, target="evaluate"):
    return run_key(profile("tiny", *first), target) != run_key(profile("tiny", *second), target)


@pytest.mark.slow
def test_keys_differ_by_what_stages_read_up_to_the_last(toy):
    assert not differ([], [])
    assert differ([], ["seed=1"])
    assert differ([], ["train.steps=3"])
    assert not differ([], ["train.steps=3"], SHARED)
    assert not differ(
        [], ["report.case_studies=3", "hardware.gpus=8", "watch.trackers=[dvclive,tensorboard]"]
    )
    assert not differ([], ["evaluate.questions=3"], "train")


@pytest.mark.slow
def test_keys_differ_by_data_outside_of_the_checkout_and_by_rewards_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "checkout").mkdir()
    toy = toy_checkout(tmp_path / "checkout", deps=["${fetch.folder}"])
    monkeypatch.chdir(toy)
    monkeypatch.syspath_prepend(toy)
    questions = tmp_path / "questions"
    questions.mkdir()
    (questions / "train.jsonl").write_text("{}")
    (toy / "own_reward.py").write_text("def own(trajectory, question): return []")
    from tasks import run_keys

    params = profile("own", f"fetch.folder={questions}", "reward.terms={own_reward:own: 1.0}")
    first = run_key(params, "train")
    (questions / "train.jsonl").write_text("{ }")
    run_keys._content.cache_clear()
    second = run_key(params, "train")
    (toy / "own_reward.py").write_text("def own(trajectory, question): return [1]")
    run_keys._content.cache_clear()
    assert len({first, second, run_key(params, "train")}) == 3


@pytest.mark.slow
def test_keys_differ_by_the_files_of_a_local_model(toy, tmp_path_factory):
    model = tmp_path_factory.mktemp("model")
    (model / "model.safetensors").write_text("weights")
    params = profile("tiny", f"model.source={model}", "tokenizer.kind=pretrained")
    first = run_key(params, SHARED)
    (model / "model.safetensors").write_text("others!")
    _content.cache_clear()
    assert run_key(params, SHARED) != first


@pytest.mark.slow
def test_runs_are_of_a_commit(toy):
    runs = [(profile("tiny"), "evaluate")]
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert check_committed(runs) == head.stdout.strip()
    (toy / "notes.txt").write_text("of no stage")
    assert check_committed(runs)
    (toy / "stage.py").write_text("pass")
    with pytest.raises(UncommittedError, match=r"commit stage\.py first"):
        check_committed(runs)
    commit(toy)
    assert check_committed(runs) != head.stdout.strip()


@pytest.mark.slow
def test_a_reward_of_ones_own_is_as_committed_or_of_this_checkout_alone(toy, monkeypatch):
    monkeypatch.syspath_prepend(toy)
    (toy / "committed_reward.py").write_text("def own(trajectory, question): return []")
    commit(toy)
    (toy / "new_reward.py").write_text("def own(trajectory, question): return []")
    terms = "reward.terms={committed_reward:own: 1.0, new_reward:own: 1.0}"
    runs = [(profile("tiny", terms), "train")]
    assert check_committed(runs)
    (toy / "committed_reward.py").write_text("def own(trajectory, question): return [1]")
    with pytest.raises(UncommittedError, match=r"commit committed_reward\.py first"):
        check_committed(runs)


def test_outside_of_git_there_are_no_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UncommittedError, match="git init"):
        check_committed([])
