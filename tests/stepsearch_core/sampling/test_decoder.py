import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from transformers import Gemma2Config, LlamaConfig, MistralConfig, Qwen2Config

from stepsearch_core.base.errors import DataError
from stepsearch_core.policy.structure import FAMILIES, structure_problem
from stepsearch_core.sampling.decoder import check_structure, last_states
from stepsearch_core.sampling.paged_attention import Pass
from stepsearch_core.sampling.paged_cache import PagedCache
from tests.stepsearch_core.sampling.families import model


@torch.no_grad()
def states_and_expected(policy, passes):
    """The states after each context's last token, pass by pass, and those of a plain forward pass over the
    context.
    """
    contexts: dict[int, list[int]] = {row: [] for counts in passes for row in counts}
    cache = PagedCache(policy, len(contexts), 64, 16)
    draw = torch.Generator().manual_seed(1)
    made, expected = [], []
    for counts in passes:
        order = sorted(counts, key=lambda row: counts[row] > 1)
        ids = []
        for row in order:
            new = torch.randint(60, (counts[row],), generator=draw).tolist()
            contexts[row] += new
            ids += new
            cache.append(row, len(new))
        pass_ = Pass(cache, order, [counts[row] for row in order], 16)
        made.append(
            last_states(policy, torch.tensor(ids + [0] * pass_.padding), pass_)[: len(order)].float()
        )
        whole = [policy.model(torch.tensor([contexts[row]])).last_hidden_state[0, -1] for row in order]
        expected.append(torch.stack(whole).float())
    return torch.cat(made), torch.cat(expected)


PASSES = [{0: 5, 1: 9, 2: 1}, {0: 1, 1: 1, 2: 1}, {0: 7, 2: 1}, {0: 1, 1: 20}, {2: 1}, {0: 1, 1: 1, 2: 12}]


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_the_models_own_forward_pass(family):
    made, expected = states_and_expected(model(family), PASSES)
    assert torch.allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_in_bfloat16(family):
    made, expected = states_and_expected(model(family, torch.bfloat16), PASSES)
    exact = states_and_expected(model(family), PASSES)[1]
    assert (made - exact).abs().mean() < 1.3 * (
        expected - exact
    ).abs().mean()  # as far from exact as transformers


@pytest.mark.slow
def test_adapters_take_part():
    policy = model("qwen2")
    before, _ = states_and_expected(policy, PASSES)
    inject_adapter_in_model(LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False), policy)
    made, expected = states_and_expected(policy.eval(), PASSES)
    assert torch.allclose(made, expected, atol=1e-5)
    assert not torch.allclose(made, before, atol=0.1)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (Gemma2Config(), "samples from llama, mistral, qwen2, qwen3 models, not from gemma2"),
        (MistralConfig(), "sliding attention"),  # 4096 tokens by default
        (
            LlamaConfig(rope_parameters={"rope_type": "dynamic", "factor": 2.0}),
            "dynamic position embeddings",
        ),
        (
            Qwen2Config(use_sliding_window=True, max_window_layers=1, num_hidden_layers=2),
            "sliding attention",
        ),
    ],
)
def test_what_is_not_written_down_is_refused(config, problem):
    with pytest.raises(DataError, match=rf"params: field 'rollout\.engine': transformers .*{problem}"):
        check_structure(config)


@pytest.mark.slow
def test_what_is_written_down_is_not():
    for family in FAMILIES:
        check_structure(model(family).config)
    assert structure_problem({"model_type": "llama"}) is None
