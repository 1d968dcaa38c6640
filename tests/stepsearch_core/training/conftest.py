import pytest

from tests import tiny
from tests.stepsearch_core.training.trainers import WORD


@pytest.fixture(scope="module")
def warm():
    return tiny.searcher(WORD)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))
