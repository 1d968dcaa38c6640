import importlib.util

import pytest

from stepsearch_core.doctor.trial import NotHereError
from stepsearch_core.doctor.trials import small
from stepsearch_core.doctor.trials.small import small_params, small_parts
from stepsearch_core.retrieval.index import open_retriever


@pytest.mark.slow
def test_the_parts_are_those_of_a_pipeline_and_go_with_the_block():
    with small_parts(("model.dtype=bfloat16",)) as parts:
        assert str(parts.policy.dtype) == "torch.bfloat16"
        assert len(parts.questions) == parts.params.fetch.world.train_questions
        retriever = open_retriever(parts.params.retrieval, parts.data / "index", parts.corpus)
        hops = [hop for question in parts.questions for hop in question.hops]
        found = retriever.search([hop.search_keys[0] for hop in hops], 3)
        supported = [
            bool({hit.passage.id for hit in hits} & set(hop.support_ids))
            for hits, hop in zip(found, hops, strict=True)
        ]
        assert sum(supported) > 0.5 * len(supported)  # keys are keys: chance would be 3 in a thousand
    assert not parts.data.exists()


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_an_engine_that_is_not_installed_is_not_here():
    with pytest.raises(NotHereError, match="vllm is not installed"):
        small_params(("rollout.engine=vllm",))


@pytest.mark.parametrize(
    ("installed", "reason"),
    [
        ((), "liger_kernel is not installed"),
        (("liger_kernel",), "triton is not installed"),
        (("liger_kernel", "triton"), "no GPU"),
    ],
)
def test_a_kernel_is_not_here_without_its_packages_or_a_gpu(monkeypatch, installed, reason):
    monkeypatch.setattr(small, "find_spec", lambda name: name in installed or None)
    monkeypatch.setattr(small, "own_device", lambda: "cpu")
    with pytest.raises(NotHereError, match=reason):
        small_params(("train.log_probs=liger",))
