"""What an evaluation's figures are of: without it a figure compares with no other.

For each benchmark its source, split, revision and how many of its questions were asked; the corpus and how
many of its passages only question files brought; the policies, the index and the code. What makes figures
incomparable by itself is said in words, as named remarks, by the log before a model is loaded and later by
every table and export.

Whether questions were trained on is known of the pipeline's own policies alone. Of others nothing is said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stepsearch_core.base.io import read_object
from stepsearch_core.benchmarks.gold import GoldMatches
from stepsearch_core.benchmarks.sources import read_questions
from stepsearch_core.data.corpus import read_manifest
from stepsearch_core.evaluation.policies import FOLDERS, source_of
from stepsearch_core.params import CATALOGUE, CEILINGS, CONTAMINATION, EvaluateParams, Params, asked_with
from stepsearch_core.runtime.software import versions
from stepsearch_core.synthesis.held_out import HOP, QUESTION, leaked
from stepsearch_core.synthesis.questions import load_questions

WORLD, GIVEN = "generated world", "given file"
"""Sources besides the names of data sets."""
TEST = "test"
"""The split of what has none of its own: a generated world's, or a file given as a benchmark."""


def provenance(data: Path, params: Params) -> dict[str, Any]:
    """What stands in `evaluated.json` under `provenance`.

    Args:
        data: has the folders `fetch` and `corpus`, and `synthesize` if a policy of the stages is evaluated.
        params: sections `evaluate`, `environment` and `retrieval`.

    Returns:
        `benchmarks`: name -> {source, config, split, revision, sha256, rows, questions, moved_to_training,
        in_training, hop_in_training}, the last two None where it is not known what was trained on;
        `corpus`: {hash, passages, of_questions}, the last None of a corpus of an earlier version;
        `policies`: name -> {source, revision, protocol, prompt, retrieval, passages_per_search,
        max_searches, changes}, the last those that one of `evaluate.others` was asked with;
        `code`: {stepsearch}, its version; `confidence` of the intervals;
        `remarks`: a list of {name, benchmark, text}, `benchmark` None of those on all.

    Raises:
        DataError: a damaged or missing file.
    """
    manifest = read_object(data / "fetch" / "manifest.json", ["source", "files"])
    evaluate = params.evaluate
    leaks = _leaks(data, evaluate)
    benchmarks = {name: _benchmark(name, manifest, evaluate) | leaks[name] for name in evaluate.benchmarks}
    built = read_manifest(data / "corpus")
    corpus = {"hash": built["hash"], "passages": built["rows"], "of_questions": built.get("of_questions")}
    return {
        "benchmarks": benchmarks,
        "corpus": corpus,
        "policies": {name: _policy(name, params) for name in evaluate.policies},
        "code": {"stepsearch": versions().get("stepsearch")},
        "confidence": evaluate.confidence,
        "remarks": [*_world_remarks(manifest), *_corpus_remarks(corpus), *_benchmark_remarks(benchmarks)],
    }


def _benchmark(name: str, manifest: dict[str, Any], params: EvaluateParams) -> dict[str, Any]:
    entry = manifest["files"][name]
    loaded = entry.get("dataset", {})
    given = WORLD if manifest["source"] == "world" else GIVEN
    rows = entry["rows"]
    return {
        "source": loaded.get("name", given),
        "config": loaded.get("config"),
        "split": loaded.get("split", TEST),
        "revision": loaded.get("revision"),
        "sha256": entry["sha256"],
        "rows": rows,
        "questions": rows if params.questions is None else min(rows, params.questions),
        "moved_to_training": manifest["files"].get(f"{name}_train", {}).get(f"rows from {name}", 0),
    }


def _leaks(data: Path, params: EvaluateParams) -> dict[str, dict[str, int | None]]:
    """Of each benchmark how many questions, or hops of them, its own policies were trained on."""
    trained_on = data / "synthesize" / "train.jsonl"
    if set(params.policies).isdisjoint(FOLDERS.keys() - CEILINGS) or not trained_on.is_file():
        return {name: {"in_training": None, "hop_in_training": None} for name in params.benchmarks}
    training, matched = load_questions(trained_on), GoldMatches.open(data / "corpus")
    counts: dict[str, dict[str, int | None]] = {}
    for name in params.benchmarks:
        asked = read_questions(data / "fetch", name, "test")[: params.questions]
        found = leaked(map(matched, asked), training)
        counts[name] = {"in_training": found[QUESTION], "hop_in_training": found[HOP]}
    return counts


def _policy(name: str, params: Params) -> dict[str, Any]:
    """Where a policy comes from and how it is asked."""
    other = params.evaluate.others.get(name)
    asked = asked_with(params, name) if other else params
    made = None if other or name in CEILINGS else f"data/{FOLDERS[name]}"
    return {
        "source": source_of(name, params) if other else made,
        "revision": other.revision if other else None,
        "protocol": asked.environment.protocol,
        "prompt": asked.environment.prompt,
        "retrieval": asked.retrieval.method,
        "passages_per_search": asked.environment.passages_per_search,
        "max_searches": asked.environment.max_searches,
        "changes": list(other.changes) if other else [],
    }


def _world_remarks(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    if manifest["source"] != "world":
        return []
    text = (
        "questions and passages are generated: figures compare with each other and not with published ones"
    )
    return [{"name": WORLD, "benchmark": None, "text": text}]


def _corpus_remarks(corpus: dict[str, Any]) -> list[dict[str, Any]]:
    if not corpus["of_questions"]:
        return []
    text = (
        f"{corpus['of_questions']:,} of the corpus's {corpus['passages']:,} passages were brought by"
        " question files alone: figures do not compare with those on a corpus without them"
    )
    return [{"name": "benchmarks in the corpus", "benchmark": None, "text": text}]


def _benchmark_remarks(benchmarks: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    remarks = []
    for name, asked in benchmarks.items():
        title, whole, hops = CATALOGUE[name].title, asked["in_training"], asked["hop_in_training"]
        if whole or hops:
            text = (
                f"of the {asked['questions']:,} questions of {title} {whole:,} stand in the training data of"
                f" the policies trained here, and {hops:,} more share a hop with it"
            )
            remarks.append({"name": CONTAMINATION, "benchmark": name, "text": text})
        if moved := asked["moved_to_training"]:
            text = (
                f"{moved:,} questions of {title}'s split {asked['split']} are training questions"
                " (fetch.training_share): figures on the others do not compare with published ones"
            )
            remarks.append({"name": "part of a split", "benchmark": name, "text": text})
    return remarks
