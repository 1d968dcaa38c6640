import pytest

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.fetching.fetch import fetch
from stepsearch_core.params import FetchParams, Params, SynthesizeParams, WorldParams
from stepsearch_core.retrieval.index import build_index
from stepsearch_core.synthesis.questions import load_questions
from tasks import corpus
from tasks.synthesize import main
from tests.checkout import link_checkout


@pytest.mark.slow
def test_the_stage_reads_the_stages_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(link_checkout(tmp_path))
    world = WorldParams(
        people=60, works=60, organisations=24, cities=24, countries=8, train_questions=60, test_questions=12
    )
    params = Params(profile="test", fetch=FetchParams(source="world", world=world))
    params.synthesize = SynthesizeParams(sources=["bm25"], validation_questions=10, trajectories=20)
    fetch(params.fetch, "data/fetch")
    corpus.main(params)
    build_index(Corpus.open("data/corpus"), params.retrieval, "data/index")
    main(params)
    assert len(load_questions("data/synthesize/train.jsonl")) == 50
