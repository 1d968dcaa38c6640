"""What each rank of a test of vLLM runs: `python -m tests.vllm_ranks FOLDER` under torch's launcher.

FOLDER holds the policy to start from. Rank r takes new weights, plays 1 + 3r greedy turns and writes them to
r.json.
"""

import json
import os
import sys
from pathlib import Path

import torch

from stepsearch_core.params import RolloutParams
from stepsearch_core.sampling.engine import TurnRequest
from stepsearch_core.sampling.vllm_arguments import vllm_arguments
from stepsearch_core.sampling.vllm_engine import VllmEngine
from tests import tiny
from tests.vllm_parts import SECOND, SHAPE, WORD


def main(folder: Path):
    rank = int(os.environ["RANK"])
    arguments = vllm_arguments(str(folder / "policy"), SHAPE, tiny.ENVIRONMENT, RolloutParams(batch_size=2))
    engine = VllmEngine(arguments, WORD)
    engine.update(SECOND)
    turns = []
    for number in range(1 + 3 * rank):
        session = engine.session(1, 100)
        session.open(0, None)
        prompt = [5 + rank, 6, 7 + number]
        session.submit(0, TurnRequest(prompt, 10))
        made = {}
        while not made:
            made = session.advance()
        turns.append([prompt, made[0].token_ids])
    (folder / f"{rank}.json").write_text(json.dumps(turns))
    torch.distributed.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
