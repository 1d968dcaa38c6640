"""One small valid row of each benchmark format, for tests to damage."""

import copy
import json
from typing import Any

MUSIQUE: dict[str, Any] = {
    "id": "3hop2__1_2_3",
    "paragraphs": [
        {
            "idx": 0,
            "title": "Dark River",
            "paragraph_text": "Dark River was written by Ann Lee.",
            "is_supporting": True,
        },
        {"idx": 1, "title": "Old Mill", "paragraph_text": "Old Mill is a song.", "is_supporting": False},
        {"idx": 2, "title": "Ann Lee", "paragraph_text": "Ann Lee married Bob Ray.", "is_supporting": True},
        {
            "idx": 3,
            "title": "Ann and Bob",
            "paragraph_text": "Ann Lee and Bob Ray met in Rome.",
            "is_supporting": True,
        },
    ],
    "question": "Where did the author of Dark River meet her spouse?",
    "question_decomposition": [
        {"id": 1, "question": "Dark River >> author", "answer": "Ann Lee", "paragraph_support_idx": 0},
        {"id": 2, "question": "Who is the spouse of #1 ?", "answer": "Bob Ray", "paragraph_support_idx": 2},
        {"id": 3, "question": "where did #1 meet #2", "answer": "Rome", "paragraph_support_idx": 3},
    ],
    "answer": "Rome",
    "answer_aliases": ["Roma", "Rome", ""],
    "answerable": True,
}

HOTPOTQA: dict[str, Any] = {
    "_id": "5a77ec115542992a6e59dff7",
    "level": "easy",
    "type": "bridge",
    "question": "Who married the author of Dark River?",
    "answer": "Bob Ray",
    "context": [
        ["Ann Lee", ["Ann Lee is a writer.", " She married Bob Ray."]],
        ["Old Mill", ["Old Mill is a song."]],
        ["Dark River", ["Dark River is a novel.", " It was written by Ann Lee."]],
    ],
    "supporting_facts": [["Dark River", 1], ["Ann Lee", 0], ["Ann Lee", 1]],
}

TWOWIKI: dict[str, Any] = {
    "_id": "a1cdb240085811ebbd5bac1f6bf848b6",
    "type": "compositional",
    "question": "Who married the author of Dark River?",
    "answer": "Bob Ray",
    "context": [
        ["Ann Lee (writer)", ["Ann Lee is a writer.", "She married Bob Ray."]],
        ["Dark River", ["Dark River was written by Ann Lee."]],
    ],
    "supporting_facts": [["Dark River", 0], ["Ann Lee (writer)", 1]],
    "evidences": [["Dark River", "author", "Ann Lee"], ["Ann Lee", "spouse", "Bob Ray"]],
}

BAMBOOGLE: dict[str, Any] = {
    "question": "Who married the author of Dark River?",
    "golden_answers": ["Bob Ray", "Robert Ray"],
}

QA: dict[str, Any] = {
    "id": "own1",
    "question": "Who married the author of Dark River?",
    "answer": "Bob Ray",
    "steps": [
        {
            "question": "Who wrote Dark River?",
            "answer": "Ann Lee",
            "title": "Dark River",
            "text": "By Ann Lee.",
        },
        {
            "question": "Who married #1?",
            "answer": "Bob Ray",
            "title": "Ann Lee",
            "text": "She married Bob Ray.",
        },
    ],
}

ROWS = {
    "musique": MUSIQUE,
    "hotpotqa": HOTPOTQA,
    "2wikimultihopqa": TWOWIKI,
    "bamboogle": BAMBOOGLE,
    "nq": {"question": "Who wrote Dark River?", "answer": ["Ann Lee", "Lee"]},
    "triviaqa": {
        "question": "Who wrote Dark River?",
        "answer": {"value": "Ann Lee", "aliases": ["Lee"], "normalized_value": "ann lee"},
    },
    "popqa": {
        "id": 12,
        "question": "Who wrote Dark River?",
        "possible_answers": '["Ann Lee", "Lee"]',
        "s_pop": 12,
    },
    "qa": QA,
}


def damaged(name, *path, to):
    """A copy of the benchmark's example with the value at `path` replaced (an exception class: removed)."""
    row = copy.deepcopy(ROWS[name])
    target: Any = row
    for key in path[:-1]:
        target = target[key]
    if to is KeyError:
        del target[path[-1]]
    else:
        target[path[-1]] = to
    return row


def write_jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
