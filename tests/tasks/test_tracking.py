import json

from tasks.tracking import DvcLiveTracker


def test_rows_become_points_that_dvc_plots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracker = DvcLiveTracker(tmp_path / "dvclive")
    tracker.log(0, {"step": 0, "validation/f1": 0.25})
    tracker.log(1, {"step": 1, "f1": 0.5, "reward/total": -1.0})
    tracker.log(2, {"step": 2, "f1": 0.75, "reward/total": 2.0, "validation/f1": 0.5})
    tracker.close()
    plots = tmp_path / "dvclive" / "plots" / "metrics"

    def points(name):
        header, *lines = (plots / f"{name}.tsv").read_text().splitlines()
        assert header == f"step\t{name.split('/')[-1]}"
        return [tuple(map(float, line.split("\t"))) for line in lines]

    assert points("f1") == [(1, 0.5), (2, 0.75)]
    assert points("reward/total") == [(1, -1.0), (2, 2.0)]
    assert points("validation/f1") == [(0, 0.25), (2, 0.5)]
    assert not (plots / "step.tsv").exists()
    summary = json.loads((tmp_path / "dvclive" / "metrics.json").read_text())
    assert summary == {"validation": {"f1": 0.5}, "f1": 0.75, "reward": {"total": 2.0}, "step": 2}
    assert {path.name for path in tmp_path.iterdir()} == {"dvclive"}
