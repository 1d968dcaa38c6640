import pytest
from prefect.logging import disable_run_logger

from flows import artifacts, compare_methods
from flows.stages import StageError
from stepsearch_core.params import ParamsError
from tests.import_graph import ROOT
from tests.toy_study import toy_checkout


@pytest.fixture
def published(monkeypatch):
    """Artifacts by their keys; nothing goes to a server."""
    made: dict[str, str] = {}
    monkeypatch.setattr(
        artifacts, "create_markdown_artifact", lambda text, key: made.update({key: text.splitlines()[0]})
    )
    monkeypatch.setattr(
        artifacts, "create_link_artifact", lambda url, link_text, key, description: made.update({key: url})
    )
    return made


def test_an_unknown_study_ends_the_flow_before_anything(tmp_path, monkeypatch, published):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="no study 'methods'"):
        compare_methods.compare_methods.fn()
    assert published == {}


@pytest.mark.slow
def test_tables_and_page_are_artifacts_even_where_a_run_failed(tmp_path, monkeypatch, published):
    monkeypatch.chdir(toy_checkout(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TOY_BROKEN", "ppo")
    monkeypatch.setattr(compare_methods, "run_module", compare_methods.run_module.fn)
    with disable_run_logger(), pytest.raises(StageError, match="out of luck"):
        compare_methods.compare_methods.fn("toy", 2)
    page = tmp_path / "studies" / "toy" / "index.html"
    assert published["study-toy-page"] == page.as_uri()
    assert published["study-toy"].startswith("# ")
