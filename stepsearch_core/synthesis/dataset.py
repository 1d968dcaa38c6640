"""The synthesised questions as StepSearch's own files, in a folder that the `datasets` library reads.

The JSON lines have the fields that the released scripts read (`id`, `question`, `final_answer`,
`answer_aliases`, `sub_searchs`, `sub_support_docs`) and the hops besides; the Parquet rows are those that
the released trainer reads. Departures from these: ids stay as they are (its script writes `musi_test_0` and
so on, into the training file too), `extra_info.split` names the split, and the prompt is in our wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stepsearch_core.base.io import atomic_write, write_jsonl
from stepsearch_core.base.types import Passage, Question
from stepsearch_core.environment.prompts import RELEASED

Passages = Callable[[str], Passage]
"""A passage by its id."""

_SUPPORTS = pa.list_(pa.struct({"title": pa.string(), "paragraph_text": pa.string()}))
_KEYS = pa.list_(pa.list_(pa.string()))
ROWS = pa.schema(
    {
        "id": pa.string(),
        "data_source": pa.string(),
        "prompt": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        "ability": pa.string(),
        "reward_model": pa.struct(
            {
                "style": pa.string(),
                "ground_truth": pa.struct({"target": pa.list_(pa.string()), "search_keys": _KEYS}),
            }
        ),
        "extra_info": pa.struct({"split": pa.string(), "index": pa.int64(), "support_docs": _SUPPORTS}),
    }
)
"""Of the Parquet files: the same whatever the first rows lack."""
CARD = Path(__file__).with_name("dataset_card.md")


def write_dataset(
    folder: Path,
    splits: Mapping[str, Sequence[Question]],
    passage: Passages,
    *,
    sources: Sequence[str],
    depth: int,
) -> None:
    """Write `SPLIT.jsonl` and `rows/SPLIT.parquet` of every split, and the card, to a new folder.

    Args:
        folder: is made.
        splits: questions with search keys.
        passage: gives supports.
        sources: that voted on the keys.
        depth: of their first results that counted.
    """
    (folder / "rows").mkdir(parents=True)
    for split, questions in splits.items():
        write_jsonl(folder / f"{split}.jsonl", (json_row(question, passage) for question in questions))
        rows = [parquet_row(q, number, split, passage) for number, q in enumerate(questions)]
        pq.write_table(pa.Table.from_pylist(rows, ROWS), folder / "rows" / f"{split}.parquet")
    card = CARD.read_text(encoding="utf-8").format(
        files="\n".join(f"      - {{split: {split}, path: {split}.jsonl}}" for split in splits),
        rows="\n".join(_counts(split, questions) for split, questions in splits.items()),
        sources=", ".join(sources),
        depth=depth,
    )
    with atomic_write(folder / "README.md") as file:
        file.write(card)


def json_row(question: Question, passage: Passages) -> dict[str, Any]:
    """A question as the released scripts read it."""
    return {
        "id": question.id,
        "question": question.question,
        "final_answer": question.answers[0],
        "answer_aliases": list(question.answers[1:]),
        "sub_questions": [hop.sub_question for hop in question.hops],
        "sub_answers": [hop.sub_answer for hop in question.hops],
        "sub_searchs": [list(hop.search_keys) for hop in question.hops],
        "sub_support_docs": _supports(question, passage),
    }


def parquet_row(question: Question, number: int, split: str, passage: Passages) -> dict[str, Any]:
    """A question as the released trainer reads it: `number` counts from 0 within the split."""
    asked = question.question if question.question.rstrip().endswith("?") else f"{question.question}?"
    return {
        "id": question.id,
        "data_source": "musi",
        "prompt": [{"role": "user", "content": RELEASED.prompt.format(question=asked)}],
        "ability": "fact-reasoning",
        "reward_model": {
            "style": "rule",
            "ground_truth": {
                "target": list(question.answers),
                "search_keys": [list(hop.search_keys) for hop in question.hops],
            },
        },
        "extra_info": {"split": split, "index": number, "support_docs": _supports(question, passage)},
    }


def _supports(question: Question, passage: Passages) -> list[dict[str, str]]:
    """The first support of every hop."""
    firsts = (passage(hop.support_ids[0]) for hop in question.hops)
    return [{"title": support.title, "paragraph_text": support.text} for support in firsts]


def _counts(split: str, questions: Sequence[Question]) -> str:
    hops = [hop for question in questions for hop in question.hops]
    keys = sum(len(hop.search_keys) for hop in hops)
    return f"| {split} | {len(questions):,} | {len(hops):,} | {keys:,} |"
