import faiss
import numpy as np
import pytest

from stepsearch_core.doctor.trial import NotHereError, TrialError
from stepsearch_core.doctor.trials import faiss as trials
from stepsearch_core.retrieval import dense


@pytest.mark.slow
def test_indexes_on_the_cpu_rank_as_they_should_and_one_that_does_not_is_noticed(monkeypatch):
    assert max(trials.on_cpu(()).values()) < 1e-6
    search = dense.DenseIndex._search

    def somewhat_off(index, vectors, k):
        scores, positions = search(index, vectors, k)
        return scores * np.float32(0.99), positions

    monkeypatch.setattr(dense.DenseIndex, "_search", somewhat_off)
    with pytest.raises(TrialError, match=r"Flat is .* off the exact scores"):
        trials.on_cpu(())


@pytest.mark.skipif(hasattr(faiss, "StandardGpuResources"), reason="this FAISS has GPU support")
def test_without_gpu_support_it_is_not_here():
    with pytest.raises(NotHereError, match="no GPU support"):
        trials.on_gpu(())
