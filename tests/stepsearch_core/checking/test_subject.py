import pytest

from stepsearch_core.checking.places import Places
from stepsearch_core.checking.subject import Subject
from stepsearch_core.fetching.fetch import fetch
from tests.import_graph import ROOT
from tests.profiles import profile


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_these_parameters_have_fetched_is_known(tmp_path, share):
    params = profile("micro", f"fetch.training_share={share}")
    fetch(params.fetch, tmp_path / "fetch")
    assert Subject(params, Places([ROOT / "conf" / "micro.yaml"], ()), "corpus", tmp_path).fetched
    for change in ("fetch.world.test_questions=7", f"fetch.training_share={0.25 if share else 0.001}"):
        other = profile("micro", f"fetch.training_share={share}", change)
        assert not Subject(other, Places([ROOT / "conf" / "micro.yaml"], ()), "corpus", tmp_path).fetched
