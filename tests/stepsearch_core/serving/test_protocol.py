import json

from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.types import Passage
from stepsearch_core.serving.protocol import document, encode


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4))
def test_scores_are_read_back_to_the_last_bit(scores):
    corpus = [Passage("id", "title", "text é \u2028 \0")] * 4
    ranking = list(enumerate(scores))
    [found] = json.loads(encode([ranking], corpus, scored=True))["result"]
    assert [hit["score"] for hit in found] == scores
    assert [hit["document"] for hit in found] == [document(corpus[0])] * len(scores)
