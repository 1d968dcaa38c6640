"""The offline multi-hop world, written out as files in the benchmarks' own formats.

It stands in for the published data where nothing can be downloaded: a fact has its own short passage,
phrased in one of three ways that the question's words do not give away, and competes with the other facts of
its subject and with namesakes, so that finding it takes a well-formed query.
"""

from __future__ import annotations

from pathlib import Path

from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.base.streams import Name, draws
from stepsearch_core.benchmarks.sources import STANDARD_NAMES
from stepsearch_core.params import PAPER_BENCHMARKS, WorldParams
from stepsearch_core.worlds import formats
from stepsearch_core.worlds.facts import build_world
from stepsearch_core.worlds.questions import make_questions


def write_world(params: WorldParams, folder: Path) -> dict[str, Path]:
    """Write a world as files of `STANDARD_NAMES` into `folder`; equal parameters give equal bytes.

    Returns:
        The files by their keys.

    Raises:
        ValueError: the world is too small for the questions asked for, or larger than its names allow.
    """
    keys = ("musique_train", *PAPER_BENCHMARKS, "corpus", "decompositions")
    files = {key: Path(folder) / STANDARD_NAMES[key] for key in keys}
    world = build_world(params)
    split = make_questions(world, params)
    random_ = draws(params.seed, Name.PARAGRAPHS)
    neighbours = formats.Neighbours(world)
    vocabulary = formats.vocabulary_passages(world)
    train = formats.musique_rows(split.train, neighbours, random_, vocabulary)
    write_jsonl(files["musique_train"], train)
    write_jsonl(files["musique"], formats.musique_rows(split.test["musique"], neighbours, random_))
    write_json(files["hotpotqa"], list(formats.hotpotqa_rows(split.test["hotpotqa"], neighbours, random_)))
    wiki = formats.wiki_rows(split.test["2wikimultihopqa"], neighbours, random_)
    write_json(files["2wikimultihopqa"], list(wiki))
    formats.write_bamboogle(files["bamboogle"], split.test["bamboogle"])
    corpus = ({"id": passage.id, "title": passage.title, "text": passage.text} for passage in world.passages)
    write_jsonl(files["corpus"], corpus)
    undecomposed = ("hotpotqa", "2wikimultihopqa", "bamboogle")
    rows = (
        row
        for benchmark in undecomposed
        for row in formats.decomposition_rows(benchmark, split.test[benchmark])
    )
    write_jsonl(files["decompositions"], rows)
    return files
