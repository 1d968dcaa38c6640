"""What each rank of a test runs: `python -m tests.ranks FOLDER`, alone or under torch's launcher.

FOLDER holds `searcher.pt`, the weights of a policy that searches. Everything that a rank ended with goes to
FOLDER/WORLD_RANK.pt.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.ranks import is_main, rank, world_size
from stepsearch_core.learning.batching import token_batch
from stepsearch_core.learning.deepspeed_engine import DeepSpeedEngine, adamw, whole_weights
from stepsearch_core.learning.distributed import (
    all_reduce_sum,
    barrier,
    downloading,
    gather,
    own_items,
    own_micro_batch,
)
from stepsearch_core.learning.run_folder import RunFolder
from stepsearch_core.learning.sft import fine_tune
from stepsearch_core.metrics.timing import untimed
from stepsearch_core.params import TrainParams, WarmstartParams
from stepsearch_core.training.experience import Experience
from stepsearch_core.training.learner import Learner
from stepsearch_core.training.ppo_update import update
from stepsearch_core.training.scoring import score
from tests import tiny
from tests.stepsearch_core.training.trainers import QUESTIONS, WORD, trainer

# minibatches of 4 and 3: the last micro-batch has one for two ranks
TRAJECTORIES = tiny.random_trajectories(WORD, 7)
PARAMS = TrainParams(
    minibatches=2, micro_batch_tokens=1, learning_rate=1e-3, kl_coefficient=0.1, critic_warmup_steps=0
)
VARIANTS: dict[str, dict] = {
    **{f"zero{stage}": {"zero_stage": stage} for stage in range(4)},
    "critic": {"critic": "model"},
    "critic_zero3": {"critic": "model", "zero_stage": 3},
    "lora": {"lora_rank": 2, "learning_rate": 1e-2},
    "lora_zero3": {"lora_rank": 2, "learning_rate": 1e-2, "zero_stage": 3},
    "offloaded": {"zero_stage": 2, "offload_optimizer": True, "offload_reference": True},
}


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def learner(variant, seed=0):
    changes = {"critic_learning_rate": 1e-3, "max_grad_norm": 0.5, "critic_max_grad_norm": 0.5}
    params = replace(PARAMS, **(changes | VARIANTS[variant]))
    return Learner(tiny.model(WORD, seed), params, has_critic=True)


def experience():
    """Something to learn for every token, from a policy and a critic that were somewhat different."""
    draw = np.random.default_rng(3)
    with torch.no_grad():
        own = [
            tiny.plain_log_probs(tiny.model(WORD), made).numpy().astype(np.float64) for made in TRAJECTORIES
        ]

    def noise(scale):
        return [draw.normal(0, scale, len(row)) for row in own]

    old = [row + shift for row, shift in zip(own, noise(0.1), strict=True)]
    reference = [row + shift for row, shift in zip(own, noise(0.1), strict=True)]
    importance = [np.exp(row) for row in noise(0.1)]
    values, returns = ([row[:, np.newaxis] for row in noise(scale)] for scale in (0.1, 1.0))
    known = [np.empty((len(row), 0), dtype=np.float32) for row in own]
    return Experience(TRAJECTORIES, [], old, importance, own, values, reference, noise(1.0), returns, known)


def trained_weights(made):
    """The policy's that samples, after a push, and the critic's."""
    made.push()
    critic = whole_weights(made.critic.engine.engine.module)
    return torch.cat([weights(made.policy), *(part.flatten() for part in critic.values())])


def updated(variant, folder):
    """Two optimizer steps, a checkpoint, two more; and those two again from the checkpoint."""
    data = experience()

    def run(made, seed):
        data.states = score(
            made,
            TRAJECTORIES,
            data.known,
            terms=1,
            temperature=1.0,
            pad_token_id=WORD.pad_token_id,
            everything=False,
        ).states
        fitted = made.critic.fit(data, WORD.pad_token_id, np.random.default_rng(seed))
        return fitted | update(
            made,
            data,
            PARAMS,
            temperature=1.0,
            pad_token_id=WORD.pad_token_id,
            generator=np.random.default_rng(seed),
            longest=100,
        )

    made = learner(variant)
    result = {"statistics": run(made, 0), "weights": trained_weights(made)}
    with torch.no_grad():
        batch = token_batch(TRAJECTORIES, WORD.pad_token_id)
        result["reference"] = made.reference_log_probs(batch, 1.0).numpy()
    with RunFolder(folder / f"{world_size()}_{variant}", {}, []) as run_folder:
        run_folder.save(2, made.save, {"history": [{"rank": rank()}]})
        run(made, 1)
        result["continued"] = trained_weights(made)
        again = learner(variant, seed=1)
        again.load(run_folder.checkpoint(run_folder.last_step()))
        run(again, 1)
        result["resumed"] = trained_weights(again)
        result["rows"] = run_folder.rows(2, "history")
    made.export(WORD, folder / f"export{world_size()}_{variant}")
    return result


def tuned(**changes):
    policy = tiny.model(WORD)
    params = WarmstartParams(epochs=1.0, batch_size=3, **changes)  # batches of 3, 3 and 1
    rows = fine_tune(policy, TRAJECTORIES, params, WORD.pad_token_id, 0)
    return {"rows": list(map(untimed, rows)), "weights": weights(policy)}


def summed(gradient_dtype):
    """The norm of a gradient of 1 from the first rank and a 512th from each of the others."""
    module = torch.nn.Linear(1, 1, bias=False).bfloat16()
    settings = TrainParams(zero_stage=2, max_grad_norm=1.0, gradient_dtype=gradient_dtype)
    engine = DeepSpeedEngine(module, adamw(module.parameters(), 1e-3, 0.0), settings)
    engine.accumulate(engine(torch.tensor([[1.0 if is_main() else 2.0**-9]]).bfloat16()).sum(), last=True)
    return engine.grad_norm


def damaged(folder):
    """What the ranks say of a checkpoint in which a file has changed; each file is one rank's to read."""

    def write(temporary):
        temporary.mkdir(exist_ok=True)
        (temporary / f"part{rank()}").write_text("whole")

    said: list[str | int] = []
    with RunFolder(folder / f"damaged{world_size()}", {}, []) as run_folder:
        run_folder.save(1, write, {"history": []})
        barrier()
        for number in range(world_size()):
            if is_main():
                (run_folder.checkpoint(1) / f"part{number}").write_text("changed")
            barrier()
            try:
                run_folder.last_step()
            except DataError as error:
                said.append(str(error).replace(str(folder), ""))
            barrier()
            if is_main():
                (run_folder.checkpoint(1) / f"part{number}").write_text("whole")
            barrier()
        said.append(run_folder.last_step())
    return said


def apart(folder):
    """What a rank says of a folder that it has for itself, as on a machine of its own."""
    try:
        with RunFolder(folder / f"apart{world_size()}_{rank()}", {}, []):
            return None
    except DataError as error:
        return str(error)


def turns(folder):
    """The order in which two ranks of this machine load something, which the first one does slowly."""
    log = folder / f"turns{world_size()}"
    order = {}
    for source in ("some/model", str(folder), None):
        with downloading(source):
            time.sleep(0 if rank() else 0.5)
            with log.open("a") as file:
                file.write(f"{rank()}")
        barrier()
        order[source and source.replace(str(folder), "folder")] = log.read_text()[-world_size() :]
        barrier()
    return order


def trained(folder):
    """Two steps of the trainer from a policy that searches, and a validation."""
    policy = tiny.model(WORD)
    policy.load_state_dict(torch.load(folder / "searcher.pt"))
    retriever = tiny.retriever(folder / f"index{world_size()}_{rank()}")
    params = replace(
        PARAMS, questions_per_step=3, samples_per_question=3, micro_batch_tokens=160, learning_rate=1e-4
    )
    made = trainer(policy, retriever, params)
    steps = [made.step(step) for step in (1, 2)]
    return {
        "metrics": [stepped.metrics for stepped in steps],
        "tokens": [[trajectory.token_ids for trajectory in stepped.sampled] for stepped in steps],
        "validation": made.validate(QUESTIONS[:5]),
        "weights": weights(made.learner.policy),
    }


def main(folder):
    result = {f"tuned{stage}": tuned(zero_stage=stage) for stage in range(4)}
    result |= {
        "tuned_checkpointing": tuned(zero_stage=2, gradient_checkpointing=True),
        "tuned_micro_batches": tuned(zero_stage=2, micro_batch_tokens=1),
        "tuned_offloaded": tuned(zero_stage=3, gradient_checkpointing=True, offload_optimizer=True),
        "gradient_sums": {dtype: summed(dtype) for dtype in ("model", "float32")},
        "damaged": damaged(folder),
        "apart": apart(folder),
        "turns": turns(folder),
    }
    result |= {"trained": trained(folder)}
    result |= {variant: updated(variant, folder) for variant in VARIANTS}
    result["gathered"] = gather([f"item{number}" for number in range(7)][own_items()])
    result["summed"] = all_reduce_sum({"ranks": 1.0, "numbers": float(rank()), "tenths": 0.1 + rank()})
    result["shares"] = [own_micro_batch(list(range(count))) for count in (1, 2, 5)]
    result["main"] = is_main()
    torch.save(result, folder / f"{world_size()}_{rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
