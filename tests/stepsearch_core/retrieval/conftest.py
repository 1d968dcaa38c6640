import pytest

from stepsearch_core.base.types import Passage
from stepsearch_core.data.corpus import Corpus, build_corpus


@pytest.fixture
def make_corpus(tmp_path):
    """A function that makes a corpus of untitled texts (or pairs of title and text), each call one of its
    own.
    """
    made: list[Corpus] = []

    def make(contents):
        folder = tmp_path / f"corpus{len(made)}"
        pairs = [("", content) if isinstance(content, str) else content for content in contents]
        build_corpus((Passage("", *pair) for pair in pairs), folder)
        made.append(Corpus.open(folder))
        return made[-1]

    return make
