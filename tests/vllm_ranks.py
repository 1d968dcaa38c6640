"""What each rank of a test of vLLM runs: `python -m tests.vllm_ranks FOLDER N` under torch's launcher.

FOLDER holds the policy to start from. vLLM has another one's weights, sleeps and gets the policy's; then the
ranks play, N of them on each model, and put together what they played: rank r writes it to r.json.
"""

import json
import sys
from pathlib import Path

import torch

from stepsearch_core.base.ranks import rank
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.learning.distributed import gather, own_items
from stepsearch_core.params import RolloutParams
from stepsearch_core.policy.models import load_policy
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.vllm_arguments import vllm_arguments
from stepsearch_core.sampling.vllm_engine import VllmEngine
from tests import tiny
from tests.stepsearch_core.rollout.troubles import Delayed
from tests.vllm_parts import SECOND, SHAPE

QUESTIONS = [tiny.ADA, tiny.BOB, tiny.ADA]
SAMPLES = 4


def main(folder: Path, shared_by: int):
    policy, tokenizer = load_policy(folder / "policy")
    params = RolloutParams(engine="vllm", batch_size=3, tensor_parallel=shared_by)
    arguments = vllm_arguments(str(folder / "policy"), SHAPE, tiny.ENVIRONMENT, params)
    engine = VllmEngine(arguments, tokenizer)
    engine.update(SECOND)
    here = folder / str(rank())
    here.mkdir()
    # each rank's searches come back in an order of their own
    retriever = Delayed(tiny.retriever(here), seed=rank())
    rollout = Rollout(engine, retriever, Renderer(tokenizer, tiny.ENVIRONMENT), params)
    rollout.greedy([tiny.ADA, tiny.BOB][own_items(engine.shared_by)])
    engine.sleep()
    engine.update(policy)
    part = own_items(engine.shared_by)
    played = [
        *gather(rollout.greedy(QUESTIONS[part])),
        *gather(rollout.sample(QUESTIONS, SAMPLES, tiny.streams(1), part)),
    ]
    rows = [(each.token_ids, each.policy_mask, each.log_probs, len(each.searches)) for each in played]
    (folder / f"{rank()}.json").write_text(json.dumps(rows))
    torch.distributed.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
