"""Encodes passages for the stage `index` beforehand, in ranks of an outside launcher on any machines.

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:PORT -m tasks.encode

Every rank encodes its own shards, on its own GPU, into the folder in which the stage keeps its work in
progress; a stage that runs then finds them there. The machines have the checkout in common. Parameters and
software have to be the same everywhere, as the folder is named by them.
"""

from stepsearch_core.data.corpus import Corpus
from stepsearch_core.params import Params
from stepsearch_core.retrieval.shards import encode_own_shards
from tasks.index_work import index_work
from tasks.stage import DATA, run


def main(params: Params) -> None:
    """Encode the shards of this rank."""
    folder = index_work(params).path  # ranks write side by side: none locks it
    folder.mkdir(parents=True, exist_ok=True)
    encode_own_shards(params.retrieval, Corpus.open(DATA / "corpus"), folder)


if __name__ == "__main__":
    run("encode", main, in_ranks=True)
