import faiss
import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.params import RetrievalParams
from stepsearch_core.retrieval.building import check_build
from stepsearch_core.retrieval.dense import DenseIndex
from stepsearch_core.retrieval.gpu import open_gpu

HAS_GPU = hasattr(faiss, "StandardGpuResources")
CUDA = RetrievalParams(dimensions=16, device="cuda")


def test_the_cpu_needs_nothing():
    assert open_gpu(RetrievalParams()) is None


@pytest.mark.slow
@pytest.mark.skipif(HAS_GPU, reason="this FAISS has GPU support")
def test_a_faiss_without_gpu_support_is_named_before_any_work(make_corpus, tmp_path):
    said = (
        r"^params: field 'retrieval\.device': the FAISS that is installed has no GPU support \(faiss-cpu\)"
    )
    with pytest.raises(DataError, match=said):
        check_build(CUDA, 10, tmp_path, tmp_path)
    DenseIndex.build(make_corpus(["cat sat", "dog ran"]), RetrievalParams(dimensions=16), tmp_path)
    with pytest.raises(DataError, match=said):
        DenseIndex.open(tmp_path, CUDA)


@pytest.mark.skipif(not HAS_GPU or not faiss.get_num_gpus(), reason="no GPU for FAISS")
@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
def test_a_gpu_ranks_as_the_cpu_does(make_corpus, tmp_path, factory):
    corpus = make_corpus([f"word{number} word{number % 7} word{number % 11}" for number in range(500)])
    cpu = RetrievalParams(dimensions=64, index_factory=factory)
    gpu = RetrievalParams(dimensions=64, index_factory=factory, device="cuda")
    for name in ("cpu", "gpu"):
        (tmp_path / name).mkdir()
    queries = [f"word{number} word{number % 5}" for number in range(20)]
    wanted = DenseIndex.build(corpus, cpu, tmp_path / "cpu").rank(queries, 1)
    found = DenseIndex.build(corpus, gpu, tmp_path / "gpu").rank(queries, 1)
    assert [score for ((_, score),) in found] == pytest.approx([score for ((_, score),) in wanted], abs=1e-4)
