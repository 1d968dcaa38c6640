import pytest

from stepsearch_core.base.streams import Name, seed_torch
from stepsearch_core.doctor.trial import TrialError
from stepsearch_core.doctor.trials.sampling import engine_of, gap, own, sample, vllm
from stepsearch_core.doctor.trials.small import small_parts
from stepsearch_core.policy.models import build_model
from tests.vllm_parts import needs_vllm


@pytest.mark.slow
def test_what_another_model_sampled_is_noticed():
    with small_parts(()) as parts:
        made = sample(engine_of(parts, parts.policy), parts)
        assert gap(parts.policy, made, parts) < 1e-5
        seed_torch(1, Name.INITIAL_POLICY)
        other = build_model(parts.params.model, parts.tokenizer).eval()
        with pytest.raises(TrialError, match=r"to sampler, beyond 0\.05"):
            gap(other, made, parts)


@pytest.mark.slow
def test_in_bfloat16_both_agree_as_far_as_it_rounds():
    assert 0 < own(("model.dtype=bfloat16",))["gap"] < 0.2


@needs_vllm
def test_vllm_samples_with_the_weights_that_it_was_given():
    figures = vllm(())
    assert max(figures[name] for name in ("gap", "gap after a push", "greedy gap")) < 0.2
