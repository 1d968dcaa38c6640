"""Records as the trajectory viewer reads them (`templates/viewer/pane.js`): what it shows and no more."""

from __future__ import annotations

from typing import Any

from stepsearch_core.evaluation.strata import hops_of
from stepsearch_core.report.trajectories import Tokens
from stepsearch_core.rollout.records import QuestionRecord, TurnRecord

DIGITS = 4
"""Behind the point, of rewards and measures."""


class Passages:
    """Passages by number, each once: `[title, text]`."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, title: str, text: str) -> int:
        """The number of a passage, which joins the others if it is new."""
        number = self._numbers.setdefault((title, text), len(self.shown))
        if number == len(self.shown):
            self.shown.append((title, text))
        return number


def question_row(benchmark: str, record: QuestionRecord) -> dict[str, Any]:
    """What is asked, and the answers that are right."""
    return {
        "id": record.id,
        "benchmark": benchmark,
        "question": record.question,
        "answers": record.answers,
        "hops": hops_of(record),
        "decomposition": [(hop.sub_question, hop.sub_answer) for hop in record.hops],
    }


def record_row(record: QuestionRecord, passages: Passages) -> dict[str, Any]:
    """What a policy did with it; its passages join `passages`. Rewards are unweighted."""
    return {
        "prediction": record.prediction,
        "em": _rounded(record.measures["em"]),
        "f1": _rounded(record.measures["f1"]),
        "stop": record.stop_reason.value,
        "answer": _rounded(record.answer_reward),
        "keys": _rounded(record.search_key_reward),
        "samples": record.samples,
        "turns": [_turn(turn, passages) for turn in record.turns],
    }


def _turn(turn: TurnRecord, passages: Passages) -> dict[str, Any]:
    """What there is to say of a turn; what there is not is left out."""
    said = {
        "text": turn.text,
        "query": turn.query if turn.query and turn.query not in turn.text else None,
        "reason": turn.reason and turn.reason.value,
        "gain": _rounded(turn.information_gain),
        "redundancy": _rounded(turn.redundancy),
        "passages": [
            [
                passages.number(shown.title, shown.text),
                *(mark for mark in ("gold", "repeated", "cut") if getattr(shown, mark)),
            ]
            for shown in turn.passages
        ],
        "hidden": len(turn.hidden_ids) or None,
    }
    return {"action": turn.action.value, **{key: value for key, value in said.items() if value is not None}}


def token_row(tokens: Tokens) -> dict[str, Any]:
    """`segments` as [turn, author, texts], and under their names the numbers of the policy's tokens."""
    segments = [[part.turn, part.author.value, part.texts] for part in tokens.segments]
    return {"segments": segments, **tokens.values}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
