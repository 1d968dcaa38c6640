"""A language model as the judge of turns: the reward term `stepsearch_core.rewards.judge:Judge`.

It reads the question, its accepted answers and every turn with the passages found, and scores each turn from
0 to 10; the term's value is a tenth of that. What it is told stands in `judge.md`, or in a file of one's own
(`reward.judge_prompt`). A trajectory that it cannot judge is left out of the loss.

A judge can be talked to: what the policy writes is handed over as JSON, which it cannot leave, but a policy
may still learn what pleases the judge rather than what is true. Keep the weight of the answer's F1 above it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, create_model

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage, Question, Trajectory, Turn
from stepsearch_core.endpoint.endpoint import REPLIES, Endpoint, EndpointError
from stepsearch_core.endpoint.prompts import read_prompt
from stepsearch_core.params import Params
from stepsearch_core.rewards.terms import TermError

PROMPT = Path(__file__).with_name("judge.md")
BEST = 10
_TOKENS = 64
_TOKENS_A_TURN = 8


class Judge:
    """A term of the reward."""

    def __init__(
        self, params: Params, passage: Callable[[str], Passage], replies: Path | str = REPLIES
    ) -> None:
        """Judge with the model `reward.judge_model` of the service `endpoint.url`.

        Raises:
            DataError: one of them is not set, or `reward.judge_prompt` cannot be read.
        """
        self._told = check_settings(params)
        self._passage = passage
        self._endpoint = Endpoint(params.endpoint, str(params.reward.judge_model), Path(replies))
        self.concurrency = params.endpoint.concurrency

    def __call__(self, trajectory: Trajectory, question: Question) -> list[float]:
        """What each turn is worth, from 0 to 1.

        Raises:
            TermError: the service gave no scores that can be used.
        """
        count = len(trajectory.turns)
        if not count:
            return []
        try:
            asked = self._asked(trajectory, question)
            verdict = self._endpoint.ask(
                self._told, asked, verdict_form(count), _TOKENS + count * _TOKENS_A_TURN
            )
        except EndpointError as error:
            raise TermError(str(error.reason), error.problem) from error
        scores: list[int] = verdict.model_dump()["scores"]
        return [score / BEST for score in scores]

    def _asked(self, trajectory: Trajectory, question: Question) -> str:
        turns = [self._described(turn) for turn in trajectory.turns]
        shown = {"question": question.question, "accepted_answers": list(question.answers), "turns": turns}
        return json.dumps(shown, ensure_ascii=False)

    def _described(self, turn: Turn) -> dict[str, object]:
        passages = map(self._passage, turn.passage_ids)
        found = [{"title": passage.title, "text": passage.text} for passage in passages]
        return {"kind": str(turn.action.kind), "written": turn.text, "passages_found": found}


def check_settings(params: Params) -> str:
    """What the judge is told, if all is set that it needs.

    Raises:
        DataError: `endpoint.url` or `reward.judge_model` is not set, the file of what it is told cannot be
            read or holds nothing.
    """
    needed = {"endpoint.url": params.endpoint.url, "reward.judge_model": params.reward.judge_model}
    for key, value in needed.items():
        if not value:
            raise DataError(
                "not set, but the judge that reward.terms names needs it", "params.yaml", field=key
            )
    return read_prompt(params.reward.judge_prompt, PROMPT, "reward.judge_prompt")


def verdict_form(turns: int) -> type[BaseModel]:
    """One score from 0 to `BEST` for each of so many turns."""
    score = Annotated[int, Field(ge=0, le=BEST)]
    each = Field(min_length=turns, max_length=turns)
    return create_model("Verdict", __config__=ConfigDict(extra="forbid"), scores=(list[score], each))
