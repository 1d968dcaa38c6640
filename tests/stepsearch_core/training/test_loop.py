import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import GuardParams
from stepsearch_core.training.loop import _row, _warn, train
from stepsearch_core.training.mismatch import MismatchError
from stepsearch_core.training.statistics import LOGGED
from tests.stepsearch_core.training.trainers import PARAMS, QUESTIONS, somewhat_off, trainer, weights

DECAYING = {
    "critic": "informed",
    "critic_epochs": 2,
    "schedule": "cosine",
    "warmup_ratio": 0.3,
    "critic_warmup_ratio": 0.2,
    "weight_decay": 0.1,
}


class Rows:
    """A tracker that keeps its rows, and ends the process's run at a step if told to."""

    def __init__(self, dies_at=None):
        self.rows, self.dies_at = [], dies_at

    def log(self, step, metrics):
        self.rows.append((step, dict(metrics)))
        if step == self.dies_at:
            raise KeyboardInterrupt


def kept(step, trajectories, experience):
    assert {*map(id, experience.trajectories)} <= {*map(id, trajectories)}
    return [{"step": step, "text": trajectories[0].turns[0].text}]


def run(made, root, tracker=None, keep=kept):
    with RunFolder(root, {}, []) as folder:
        return train(made, folder, QUESTIONS[:2], GuardParams(), tracker or Rows(), keep)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, DECAYING], ids=["constant", "decaying"])
def test_killed_and_resumed_equals_uninterrupted(warm, retriever, tmp_path, changes):
    params = replace(PARAMS, **changes)
    whole = trainer(warm, retriever, params)
    expected, records = run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        # the checkpoint is that of step 2
        run(trainer(warm, retriever, params), tmp_path / "cut", Rows(dies_at=3))
    resumed, tracker = trainer(warm, retriever, params), Rows()
    with torch.no_grad():
        bias = resumed.learner.critic.engine.engine.module.layers[-1].bias
        bias.fill_(3.0)  # whatever it starts with is replaced
    history, again = run(resumed, tmp_path / "cut", tracker)
    assert list(map(untimed, history)) == list(map(untimed, expected))
    assert again == records
    assert [record["step"] for record in again] == [1, 2, 3, 4, 5]  # those before the kill, too
    assert torch.equal(weights(resumed), weights(whole))
    assert [step for step, _ in tracker.rows] == [0, 1, 2, 3, 4, 5]
    assert tracker.rows[1][1] == history[1]
    ended = trainer(warm, retriever, params)
    history, _ = run(ended, tmp_path / "cut")  # nothing is left to do
    assert list(map(untimed, history)) == list(map(untimed, expected))
    assert torch.equal(weights(ended), weights(whole))


@pytest.mark.slow
def test_rows_of_a_run(warm, retriever, tmp_path):
    tracker = Rows()
    history, _ = run(trainer(warm, retriever), tmp_path, tracker)
    assert [row["step"] for row in history] == [0, 1, 2, 3, 4, 5]
    assert [step for step, row in enumerate(history) if "validation/f1" in row] == [0, 2, 4, 5]
    assert set(history[0]) == {"step"} | {
        f"validation/{name}" for name in ("em", "f1", "searches", "support_recall")
    }
    assert all(np.isfinite(value) for row in history for value in row.values())
    assert {name for row in history for name in row} - {"step"} <= LOGGED.keys()
    phases = ("rollout", "experience", "update")
    assert all(row["timing/step"] > sum(row[f"timing/{phase}"] for phase in phases) for row in history[1:])
    assert [row for _, row in tracker.rows] == history
    assert all(row["mismatch/max"] < 1e-4 for row in history[1:])
    assert [path.name for path in next(tmp_path.iterdir()).glob("step_*")] == ["step_000005"]


@pytest.mark.slow
def test_a_run_that_stays_beyond_the_limit_stops_and_a_resume_goes_on_counting(warm, retriever, tmp_path):
    for _ in range(2):  # the second run begins with the checkpoint of step 4
        with pytest.raises(MismatchError, match="5 steps in a row"):
            run(somewhat_off(warm, retriever, "steppo"), tmp_path)


def test_what_policies_were_not_shown_or_could_not_write_is_said_once_a_run(caplog):
    warned = set()
    with caplog.at_level(logging.WARNING):
        _warn({"step": 1, "hidden_passages": 0.05, "invalid_turns": 0.0}, warned)
        assert caplog.text == ""
        _warn({"step": 2, "hidden_passages": 0.25, "invalid_turns": 0.5}, warned)
        _warn({"step": 3, "hidden_passages": 0.25}, warned)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("step 2: 50.0% of the turns hold no valid action: ")
    assert said[1].startswith("step 2: 25.0% of the passages found are not shown: ")


def test_a_row_holds_its_step_and_what_is_defined():
    metrics = {"f1": 0.5, "explained_variance": float("nan"), "kl_reference": float("inf")}
    assert _row(3, metrics) == {"step": 3, "f1": 0.5}
