import pytest
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from stepsearch_core.base.errors import DataError
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw, whole_weights
from stepsearch_core.params import TrainParams

SLOW = pytest.mark.slow
STAGES = pytest.mark.parametrize("stage", [0, 1, 2, pytest.param(3, marks=SLOW)])
SHARDED = pytest.mark.parametrize("stage", [1, 2, pytest.param(3, marks=SLOW)])
CHECKPOINTED = [
    *({"stage": stage} for stage in range(3)),
    pytest.param({"stage": 3}, marks=SLOW),
    {"stage": 2, "offload_optimizer": True},
    pytest.param({"stage": 3, "offload_optimizer": True}, marks=SLOW),
]
SIZES = [[7, 1, 12], [3], [20, 5]]
"""Tokens in the micro-batches of each optimizer step."""


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def groups_of(module):
    return [
        {"params": list(module[0].parameters()), "lr": 1e-2},
        {"params": list(module[2].parameters()), "lr": 5e-2},
    ]


def optimizer_of(module):
    return adamw(groups_of(module), learning_rate=1.0, weight_decay=0.01)


def trainer(stage, seed=0, dtype=torch.float32, **changes):
    module = network(seed).to(dtype)
    return module, DeepSpeedEngine(module, optimizer_of(module), params(stage, **changes))


def params(stage=0, **changes):
    return TrainParams(zero_stage=stage, **{"max_grad_norm": 0.5} | changes)


def data(step):
    generator = torch.Generator().manual_seed(step)
    count = sum(SIZES[step % len(SIZES)])
    return torch.randn(count, 4, generator=generator), torch.randn(count, 1, generator=generator)


def train_step(engine, step, dtype=torch.float32):
    """One optimizer step over uneven micro-batches; the summed losses, divided by the global count."""
    inputs, targets = (tensor.to(dtype) for tensor in data(step))
    sizes = SIZES[step % len(SIZES)]
    total = 0.0
    parts = zip(inputs.split(sizes), targets.split(sizes), strict=True)
    for number, (x, y) in enumerate(parts, start=1):
        loss = (engine(x) - y).square().sum() / len(inputs)
        engine.accumulate(loss, last=number == len(sizes))
        total += loss.item()
    return total


def plain_step(module, optimizer, step, max_grad_norm=0.5):
    """The same in one batch by plain torch; loss and gradient norm before clipping."""
    inputs, targets = data(step)
    optimizer.zero_grad()
    loss = (module(inputs) - targets).square().mean()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), max_grad_norm)
    optimizer.step()
    return loss.item(), norm.item()


def weights(module):
    return torch.cat([parameter.flatten() for parameter in whole_weights(module).values()])


@pytest.mark.slow
@STAGES
def test_micro_batches_equal_one_big_batch_of_plain_torch(stage):
    module, engine = trainer(stage)
    plain = network()
    optimizer = torch.optim.AdamW(groups_of(plain), betas=(0.9, 0.95), weight_decay=0.01)
    norms = []
    for step in range(6):
        loss = train_step(engine, step)
        expected, norm = plain_step(plain, optimizer, step)
        assert loss == pytest.approx(expected, abs=1e-6)
        assert engine.grad_norm == pytest.approx(norm, rel=1e-5)
        assert weights(module).tolist() == pytest.approx(weights(plain).tolist(), abs=1e-6)
        norms.append(norm)
    assert max(norms) > 0.5 > min(norms) or min(norms) > 0.5  # clipping was in force
    assert not torch.allclose(weights(module), weights(network()), atol=1e-2)


@pytest.mark.slow
@SHARDED
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_optimizer_in_main_memory_makes_the_same_steps(stage, dtype):
    made = []
    for offload in (False, True):
        module, engine = trainer(stage, dtype=dtype, offload_optimizer=offload)
        losses = [train_step(engine, step, dtype) for step in range(4)]
        made.append([*losses, engine.grad_norm, *weights(module).tolist()])
    assert made[1] == pytest.approx(made[0], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "offload"), [(2, False), (2, True), pytest.param(3, False, marks=SLOW)])
def test_float32_gradients_keep_what_bfloat16_rounds_away(stage, offload):
    """One, and eight times a 512th: bfloat16 has steps of a 128th above 1."""
    sizes = [1.0] + [2.0**-9] * 8
    norms = {}
    for dtype in ("model", "float32"):
        module = nn.Linear(1, 1, bias=False).bfloat16()
        settings = params(stage, gradient_dtype=dtype, offload_optimizer=offload)
        engine = DeepSpeedEngine(module, adamw(module.parameters(), 1e-3, 0.0), settings)
        for number, size in enumerate(sizes, start=1):
            engine.accumulate(engine(torch.tensor([[size]]).bfloat16()).sum(), last=number == len(sizes))
        norms[dtype] = engine.grad_norm
    assert norms == {"model": 1.0, "float32": 1.0 + 8 / 512}


@pytest.mark.slow
@pytest.mark.parametrize("changes", CHECKPOINTED)
def test_a_checkpoint_continues_exactly(changes, tmp_path):
    module, engine = trainer(**changes)
    for step in range(3):
        train_step(engine, step)
    engine.save(tmp_path / "checkpoint")
    for step in range(3, 6):
        train_step(engine, step)
    other, again = trainer(**changes, seed=1)
    train_step(again, 0)  # an optimizer that has moved already
    again.load(tmp_path / "checkpoint")
    for step in range(3, 6):
        train_step(again, step)
    assert torch.equal(weights(other), weights(module))
    assert again.grad_norm == engine.grad_norm


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    _, engine = trainer(0)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=f"{folder.name}.*no DeepSpeed checkpoint"):
            engine.load(folder)


def test_the_scheduler_moves_with_optimizer_steps_only(tmp_path):
    module = network()
    optimizer = optimizer_of(module)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 2, 4)
    engine = DeepSpeedEngine(module, optimizer, params(max_grad_norm=1.0), scheduler)
    seen = []
    for step in range(4):
        seen.append(scheduler.get_last_lr()[0])
        train_step(engine, step)  # one to three micro-batches
    assert seen == pytest.approx([0.0, 0.5e-2, 1e-2, 0.5e-2])


@pytest.mark.slow
@STAGES
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_skips_the_update_and_is_counted(stage, dtype, bad):
    module, engine = trainer(stage, dtype=dtype)
    inputs, targets = (tensor.to(dtype) for tensor in data(0))

    def step(factor):
        engine.accumulate((engine(inputs) - targets).square().mean(), last=False)
        engine.accumulate((engine(inputs) - targets).square().mean() * factor, last=True)

    step(1.0)
    before = weights(module).clone()
    step(bad)
    assert torch.equal(weights(module), before)
    assert engine.skipped == 1
    step(1.0)
    assert engine.skipped == 1
    assert weights(module).isfinite().all()
    assert not torch.equal(weights(module), before)


@STAGES
def test_half_precision_trains(stage):
    module, engine = trainer(stage, dtype=torch.bfloat16)
    before = weights(module).clone()
    for step in range(2):
        inputs, targets = data(step)
        engine.accumulate((engine(inputs.bfloat16()) - targets.bfloat16()).square().mean(), last=True)
    assert engine.grad_norm > 0
    assert not torch.equal(weights(module), before)
    assert weights(module).isfinite().all()


@pytest.mark.slow
def test_a_checkpoint_of_another_architecture_names_tensor_and_both_shapes(tmp_path):
    trainer(0)[1].save(tmp_path / "step")
    wider = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    shapes = r"0\.weight: .*\[8, 4\].* from checkpoint, the shape in current model is .*\[16, 4\]"
    with pytest.raises(
        DataError, match=f"^{tmp_path}/step: the checkpoint cannot be loaded: .*{shapes}"
    ) as caught:
        DeepSpeedEngine(wider, optimizer_of(wider), params()).load(tmp_path / "step")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.5, None], ids=["truncated", "missing"])
def test_a_damaged_checkpoint_is_named(tmp_path, kept):
    trainer(0)[1].save(tmp_path / "step")
    (weights,) = (tmp_path / "step").rglob("*model_states.pt")
    content = weights.read_bytes()
    weights.unlink()
    if kept:
        weights.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=f"^{tmp_path}/step: the checkpoint cannot be loaded: damaged"):
        trainer(0)[1].load(tmp_path / "step")
