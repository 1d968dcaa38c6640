"""Encodes passages for the stage `index` beforehand, in ranks of an outside launcher on any machines.

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:PORT -m tasks.encode

Every rank encodes its share of the shards, on its own GPU, into the folder in which the stage keeps its work
in progress; a stage that runs then finds them there. The machines share the checkout, and parameters and
software have to be the same everywhere, as the folder is named by them.
"""

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params
from stepsearch_core.retrieval.shards import encode_share
from stepsearch_core.runtime.work_folder import ROOT, WorkFolder
from tasks.made_by import made_by
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Encode this rank's share."""
    folder = WorkFolder(ROOT, *made_by("index", params)).path  # ranks write side by side: none locks it
    folder.mkdir(parents=True, exist_ok=True)
    encode_share(params.retrieval, Corpus.open(DATA / "corpus"), folder)


if __name__ == "__main__":
    run("encode", main)
