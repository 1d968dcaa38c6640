import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning import logit_chunks
from stepsearch_core.learning.token_log_probs import TokenLogProbs


def layer_and_tokens(tokens, vocab=30, bias=False, dtype=torch.float32, hidden=8):
    torch.manual_seed(tokens)
    head = torch.nn.Linear(hidden, vocab, bias=bias, dtype=dtype)
    return head, torch.randn(tokens, hidden, dtype=dtype), torch.randint(0, vocab, (tokens,))


def plain(hidden, head, targets, temperature):
    """By their definitions, with all logits at once."""
    log_probs = torch.log_softmax(head(hidden).float() / temperature, dim=-1)
    return log_probs[range(len(targets)), targets], -(log_probs.exp() * log_probs).sum(dim=-1)


def chunked(hidden, head, targets, temperature):
    return TokenLogProbs(entropy_gradient=True)(hidden, head, targets, temperature, True)


def everything(scores, hidden, head, targets, temperature, entropy_weight):
    """Scores, a loss that weighs each token otherwise, and the gradients of all that has one."""
    hidden = hidden.clone().requires_grad_()
    log_probs, entropy = scores(hidden, head, targets, temperature)
    weights = torch.linspace(-1, 2, len(targets))
    loss = (weights * log_probs - entropy_weight * weights.flip(0) * entropy).sum()
    trained = [parameter for parameter in head.parameters() if parameter.requires_grad]
    return [log_probs, entropy, loss, *torch.autograd.grad(loss, [hidden, *trained])]


@given(
    tokens=st.integers(1, 12),
    chunk=st.integers(1, 13),
    temperature=st.sampled_from([0.5, 1.0, 1.7]),
    bias=st.booleans(),
    frozen=st.booleans(),
    entropy_weight=st.sampled_from([0.0, 0.3]),
)
def test_chunks_equal_the_plain_computation_in_scores_loss_and_gradients(
    tokens, chunk, temperature, bias, frozen, entropy_weight
):
    head, hidden, targets = layer_and_tokens(tokens, bias=bias)
    head.requires_grad_(not frozen)
    workload = hidden, head, targets, temperature, entropy_weight
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logit_chunks, "CHUNK_BYTES", 4 * 30 * chunk)
        made = everything(chunked, *workload)
    for ours, theirs in zip(made, everything(plain, *workload), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_batch_of_one_chunk_has_the_bits_of_cross_entropy(dtype):
    head, hidden, targets = layer_and_tokens(50, vocab=300, dtype=dtype)

    def by_cross_entropy(hidden, head, targets, temperature):
        logits = head(hidden).float() / temperature
        return -torch.nn.functional.cross_entropy(logits, targets, reduction="none"), torch.zeros(50)

    def without_entropy(*given):
        return TokenLogProbs()(*given, False)

    made = everything(without_entropy, hidden, head, targets, 0.5, 0.0)
    for ours, theirs in zip(
        made, everything(by_cross_entropy, hidden, head, targets, 0.5, 0.0), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_bfloat16_is_as_near_to_float32_as_the_plain_computation(monkeypatch):
    monkeypatch.setattr(logit_chunks, "CHUNK_BYTES", 4 * 300 * 16)
    head, hidden, targets = layer_and_tokens(200, vocab=300, dtype=torch.bfloat16)
    exact = everything(plain, hidden.float(), head.float(), targets, 1.0, 0.3)
    head = head.bfloat16()
    errors = {}
    for scores in (chunked, plain):
        made = everything(scores, hidden, head, targets, 1.0, 0.3)
        errors[scores] = [relative_error(one, right) for one, right in zip(made, exact, strict=True)]
    for ours, theirs in zip(errors[chunked], errors[plain], strict=True):
        assert ours < 2 * theirs + 1e-3
    assert max(errors[chunked]) < 0.02


def relative_error(made, right):
    return float(((made.float() - right).norm() / right.norm()).detach())


def test_a_tied_output_layer_gets_both_gradients():
    head, _, targets = layer_and_tokens(6, vocab=30)
    embeddings = torch.nn.Embedding(30, 8)
    embeddings.weight = head.weight
    gradients = []
    for scores in (plain, chunked):
        log_probs, _ = scores(embeddings(targets.flip(0)), head, targets, 1.0)
        gradients.append(torch.autograd.grad(log_probs.sum(), head.weight)[0])
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


def test_an_entropy_that_is_a_statistic_has_no_gradient():
    head, hidden, targets = layer_and_tokens(5)
    log_probs, entropy = TokenLogProbs()(hidden, head, targets, 1.0, True)
    assert log_probs.requires_grad
    assert not entropy.requires_grad
    assert entropy.tolist() == pytest.approx(plain(hidden, head, targets, 1.0)[1].tolist(), abs=1e-6)
    assert TokenLogProbs(entropy_gradient=True)(hidden, head, targets, 1.0, False)[1].abs().max() == 0


def test_what_the_backward_pass_keeps_does_not_grow_with_the_vocabulary():
    head, hidden, targets = layer_and_tokens(64, vocab=5000)
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        TokenLogProbs()(hidden, head, targets, 1.0, True)
    activations = [tensor for tensor in kept if tensor is not head.weight]
    assert sum(tensor.nbytes for tensor in activations) == hidden.nbytes + targets.nbytes


@pytest.mark.slow
@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
def test_liger_equals_the_plain_computation(entropy_weight):
    pytest.importorskip("liger_kernel", reason="liger-kernel comes with the extra gpu")
    head, hidden, targets = layer_and_tokens(600, vocab=300, dtype=torch.bfloat16, hidden=64)
    workload = hidden, head, targets, 0.7, entropy_weight

    def by_liger(*given):
        return TokenLogProbs(entropy_gradient=entropy_weight > 0, kernel="liger")(*given, True)

    for ours, theirs in zip(everything(by_liger, *workload), everything(plain, *workload), strict=True):
        assert relative_error(ours, theirs) < 0.02
    biased = torch.nn.Linear(64, 300, dtype=torch.bfloat16)
    with pytest.raises(DataError, match=r"bias, which train\.log_probs: liger cannot use"):
        by_liger(hidden, biased, targets, 1.0)


def test_liger_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "liger_kernel.ops", None)
    with pytest.raises(DataError, match=r"train\.log_probs: liger .*pip install --editable '\.\[gpu\]'"):
        TokenLogProbs(kernel="liger")
