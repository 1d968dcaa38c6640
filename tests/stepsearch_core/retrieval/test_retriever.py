import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.retrieval.retriever import top_k


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 70))
def test_the_best_come_first_and_ties_in_the_order_of_positions(scores, k):
    positions = np.arange(len(scores))[::-1] * 2
    wanted = sorted(
        zip(positions.tolist(), map(float, scores), strict=True), key=lambda hit: (-hit[1], hit[0])
    )[:k]
    assert top_k(np.array(scores, dtype=np.float32), positions, k) == wanted
