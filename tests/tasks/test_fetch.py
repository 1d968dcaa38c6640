import json

from stepsearch_core.params import FetchParams, Params, WorldParams
from tasks.fetch import main


def test_the_stage_fills_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = WorldParams(
        people=60, works=60, organisations=24, cities=24, countries=8, train_questions=60, test_questions=12
    )
    main(Params(profile="test", fetch=FetchParams(source="world", world=world)))
    manifest = json.loads((tmp_path / "data" / "fetch" / "manifest.json").read_text())
    assert manifest["files"]["musique_train"]["rows"] == 60
