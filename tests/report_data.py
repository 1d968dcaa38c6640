"""A small set of all stages' outputs as the report reads them: two benchmarks, a question of each
outcome.
"""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

from stepsearch_core.base.io import write_json, write_jsonl
from stepsearch_core.data.row import Row
from stepsearch_core.rollout.records import QuestionRecord

BENCHMARKS = ("musique", "bamboogle")
F1 = {"warmstart": 0.25, "trained": 0.625, "gold_questions": 0.9}
HOSTILE = "</script><script>alert('passage')</script>"


def cell(value: float | None, half: float = 0.05, n: int = 4) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": value, "low": round(value - half, 6), "high": round(value + half, 6), "n": n}


def metric_values(f1: float) -> dict[str, Any]:
    return {
        "f1": cell(f1),
        "em": cell(f1 - 0.1),
        "cover_em": cell(f1 - 0.05),
        "searches": cell(2.5),
        "redundancy": cell(0.125),
        **dict.fromkeys(("support_recall", "support_precision", "over_search", "under_search"), cell(None)),
        "written_tokens": cell(31.0),
        "format_valid": cell(1.0, 0.0),
        "invalid_turns": cell(0.125),
        "hidden_passages": cell(0.0, 0.0),
        "cut_passages": cell(0.0, 0.0),
        "prompt_too_long": cell(0.0, 0.0),
    }


def make_metrics() -> dict[str, Any]:
    metrics = {
        policy: {key: metric_values(f1) for key in (*BENCHMARKS, "mean")} for policy, f1 in F1.items()
    }
    metrics["paired"] = {
        f"{after} - {before}": {
            column: {
                key: cell(F1[after] - F1[before]) | {"p": 0.0125, "p_holm": 0.025} for key in ("f1", "em")
            }
            for column in (*BENCHMARKS, "mean")
        }
        for before, after in combinations(F1, 2)
    }
    metrics["gain"] = {key: metric_values(0.375) | {"searches": cell(-0.5)} for key in (*BENCHMARKS, "mean")}
    return metrics


def make_provenance() -> dict[str, Any]:
    """Of a corpus with passages of question files, and a benchmark with a question that was trained on."""
    entry = {
        "source": "hub/musique",
        "config": "full",
        "split": "validation",
        "revision": "c8f4",
        "sha256": "0" * 64,
        "rows": 2417,
        "questions": 4,
        "moved_to_training": 0,
        "in_training": 1,
        "hop_in_training": 0,
    }
    asked = {
        "protocol": "agent",
        "prompt": "minimal",
        "retrieval": "bm25",
        "passages_per_search": 2,
        "max_searches": 4,
        "changes": [],
    }
    given = {"source": "given file", "config": None, "split": "test", "revision": None, "rows": 4}
    unknown = dict.fromkeys(("in_training", "hop_in_training"))
    return {
        "benchmarks": {"musique": entry, "bamboogle": entry | given | unknown},
        "corpus": {"hash": "c" * 64, "passages": 1234, "of_questions": 56},
        "policies": {
            "warmstart": {"source": "data/warmstart/policy", "revision": None, **asked},
            "trained": {"source": "data/train/policy", "revision": None, **asked},
            "gold_questions": {"source": None, "revision": None, **asked},
        },
        "code": {"stepsearch": "0.2.0", "commit": "a" * 40},
        "confidence": 0.95,
        "remarks": [
            {"name": "benchmarks in the corpus", "benchmark": None, "text": "56 of 1,234 passages <are>"},
            {"name": "contamination", "benchmark": "musique", "text": "1 of 4 questions"},
        ],
    }


def make_evaluated() -> dict[str, Any]:
    fingerprint = {"index": "1" * 64, "corpus": "c" * 64}
    policies = {"warmstart": "b" * 64, "trained": "d" * 64, "gold_questions": "b" * 64}
    return {"policies": policies, "fingerprint": fingerprint, "provenance": make_provenance()}


def record_of(number: int = 0, benchmark: str = "musique", **changed: Any) -> QuestionRecord:
    """A record with measures or other fields of its own, as JSON has them."""
    return QuestionRecord.from_json(Row("record", make_record(benchmark, number, 0.0) | changed))


def make_record(benchmark: str, number: int, em: float) -> dict[str, Any]:
    """A record of a question as it stands in a file."""
    search = {
        "text": "<think> who wrote it </think> <search> author of The Orchard </search>",
        "action": "search",
        "reason": None,
        "query": "author of The Orchard",
        "passages": [
            {
                "id": "a",
                "title": "The Orchard",
                "text": HOSTILE,
                "gold": True,
                "repeated": False,
                "cut": False,
            },
            {
                "id": "b",
                "title": "Oda & Kess",
                "text": "A painter.",
                "gold": False,
                "repeated": True,
                "cut": True,
            },
        ],
        "hidden_ids": ["c", "d"],
        "information_gain": 0.5,
        "redundancy": 0.25,
    }
    answer: dict[str, Any] = {
        "text": "<answer> Anwick </answer>",
        "action": "answer",
        "reason": None,
        "query": None,
        "passages": [],
        "hidden_ids": [],
        "information_gain": None,
        "redundancy": None,
    }
    return {
        "id": f"{benchmark}-{number}",
        "dataset": benchmark,
        "question": f"Where was the author of The Orchard <{number}> born?",
        "answers": ["Port Anwick"],
        "prediction": "Anwick",
        "em": em,
        "f1": em,
        "cover_em": em,
        "searches": 1,
        "redundancy": 0.25,
        **dict.fromkeys(("support_recall", "support_precision", "over_search", "under_search")),
        "written_tokens": 31,
        "format_valid": 1.0,
        "invalid_turns": 0.0,
        "hidden_passages": 0.5,
        "cut_passages": 0.25,
        "prompt_too_long": 0.0,
        "stop_reason": "answered",
        "response_length": 40,
        "support_ids": ["a"],
        "hops": [{"sub_question": "Who wrote The Orchard?", "sub_answer": "Oda Kess", "support_ids": ["a"]}],
        "turns": [search, answer],
        "rewards": {"answer": em, "search_key": 0.5},
    }


def make_kept(step: int, number: int, em: float = 0.0) -> dict[str, Any]:
    """A trajectory that training kept: a search, what it found, an answer; five tokens are the policy's."""
    segments = [
        {"turn": 0, "author": "policy", "texts": ["<search>", " Orchard", "</search>"]},
        {"turn": 0, "author": "environment", "texts": ["<information>", " ", HOSTILE, "", "é"]},
        {"turn": 1, "author": "policy", "texts": [" Anwick", "</answer>"]},
    ]
    numbers = {
        "reward": [0.0, 0.0, 0.25, 0.0, 0.0],
        "advantage": [0.5, -1.0, 0.25, 2.0, -0.125],
        "log_prob": [-0.5, -0.25, 0.0, -1.0, -0.125],
        "value": [0.5, 0.25, 0.0, 0.125, 0.75],
        "log_ratio": [0.0, 0.125, -0.25, 0.0, 0.5],
        "kl": [0.0, 0.0075, 0.034, 0.0, 0.1065],
    }
    return {
        "step": step,
        **make_record("musique", number, em),
        "tokens": {"segments": segments, **numbers},
    }


# warm start, trained: one question of each outcome (fixed, worse, failed, solved)
EXACT = {
    "warmstart": (0.0, 1.0, 0.0, 1.0),
    "trained": (1.0, 0.0, 0.0, 1.0),
    "gold_questions": (1.0, 1.0, 1.0, 1.0),
}


def make_index_report() -> dict[str, Any]:
    half = {"value": 0.5, "low": 0.25, "high": 0.75}
    sets = {
        "musique": {
            "sub_questions": 8,
            "sub_question_recall": {"2": {"value": 0.749, "low": 0.7, "high": 0.8}, "10": half},
            "questions": 4,
            "question_all_supports": {"2": half, "10": half},
        },
        "bamboogle": {
            "sub_questions": 0,
            "sub_question_recall": {},
            "questions": 4,
            "question_all_supports": {"2": half, "10": half},
        },
    }
    lost = {"bm25": {"2": 3, "10": 2}, "dense": {"2": 5, "10": 1_234}}
    row = {"supports": 1_500, "same_content": 1_400, "another_text": 7, "added": 0, "missing": 93}
    gold = {
        "musique": {hop: row | {"asked": 1_407, "not_found": lost} for hop in ("1", "all")},
        "bamboogle": {"all": row | {"asked": 0, "not_found": lost}},
    }
    return {"passages": 1234, "gold": gold, "methods": {"bm25": sets, "dense": {"musique": sets["musique"]}}}


def make_written_answers(share: float) -> dict[str, Any]:
    examples = ["U.S.", HOSTILE] if share else []
    return {
        "questions": 200,
        "unwritable": 200 * share,
        "share": share,
        "warn_above": 0.01,
        "examples": examples,
    }


def write_outputs(folder: Path) -> None:
    """Write the outputs of every stage before `report`."""
    write_json(folder / "evaluate" / "metrics.json", make_metrics())
    write_json(folder / "evaluate" / "evaluated.json", make_evaluated())
    for policy, exact in EXACT.items():
        for benchmark in BENCHMARKS:
            records = [make_record(benchmark, number, em) for number, em in enumerate(exact)]
            write_jsonl(folder / "evaluate" / "records" / policy / f"{benchmark}.jsonl", records)
    log = [
        {
            "step": step,
            "f1": step / 4,
            "response_length": 90 - step,
            "reward/search_key": 0.5,
            "searches": 2.0,
        }
        | {"entropy": None}
        for step in range(1, 5)
    ]
    log[3]["validation/f1"] = 0.75
    write_jsonl(folder / "train" / "metrics.jsonl", log)
    kept = [make_kept(step, number, number) for step in (1, 10) for number in (0, 1)]
    del kept[3]["tokens"]
    write_jsonl(folder / "train" / "trajectories.jsonl", kept)
    write_jsonl(folder / "warmstart" / "metrics.jsonl", [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 1.0}])
    write_json(folder / "warmstart" / "answers.json", make_written_answers(0.0))
    write_json(folder / "index" / "report.json", make_index_report())
    write_json(folder / "synthesize" / "report.json", {"questions": 40, "dropped": {"no_support": 2}})
    write_json(
        folder / "fetch" / "manifest.json",
        {"source": "world", "files": [{"name": "musique.jsonl", "rows": 4}]},
    )


def write_others(folder: Path, *policies: str) -> None:
    """Write the outputs of an evaluation of others' policies alone, which answer as the stages' do."""
    write_outputs(folder)
    shutil.rmtree(folder / "train")
    shutil.rmtree(folder / "warmstart")
    shutil.rmtree(folder / "synthesize")
    metrics, evaluated = make_metrics(), make_evaluated()
    asked = evaluated["provenance"]["policies"]
    measured = dict(zip(policies, ("trained", "warmstart", "gold_questions"), strict=False))
    records = folder / "evaluate" / "records"
    for name, like in measured.items():
        (records / like).rename(records / name)
    write_json(
        folder / "evaluate" / "metrics.json", {name: metrics[like] for name, like in measured.items()}
    )
    evaluated["provenance"]["policies"] = {name: asked[like] for name, like in measured.items()}
    evaluated["policies"] = {name: evaluated["policies"][like] for name, like in measured.items()}
    write_json(folder / "evaluate" / "evaluated.json", evaluated)
