import pytest

from stepsearch_core.params import Params, importance_sampled


@pytest.mark.parametrize(
    ("asked", "dtype", "engine", "sampled"),
    [
        ("auto", "float32", "transformers", False),
        ("auto", "bfloat16", "transformers", True),
        ("auto", "float32", "vllm", True),
        ("always", "float32", "transformers", True),
        ("never", "bfloat16", "vllm", False),
    ],
)
def test_by_itself_training_corrects_where_sampler_and_trainer_are_apart(asked, dtype, engine, sampled):
    params = Params(profile="x")
    params.train.importance_sampling, params.model.dtype, params.rollout.engine = asked, dtype, engine
    assert importance_sampled(params) is sampled
