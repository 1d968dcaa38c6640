"""`stepsearch ask`: questions, answered greedily by a policy that searches, and told turn by turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Action, ActionKind, Passage, Question, StopReason
from stepsearch_core.data.corpus import Corpus
from stepsearch_core.data.rows import read_rows
from stepsearch_core.environment.actions import PLAN, THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import Params
from stepsearch_core.policy.models import check_context, load_policy
from stepsearch_core.retrieval.index import open_retriever
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.recording import turn_record
from stepsearch_core.rollout.records import ShownPassage, TurnRecord
from stepsearch_core.runtime.devices import own_device
from stepsearch_core.sampling.opening import open_engine

_TAG = re.compile("|".join((*THINK.tags, *PLAN.tags)))
_UNTITLED_LETTERS = 60


class Asker:
    """A policy and what it searches, opened once for any number of questions."""

    def __init__(self, policy: Path, data: Path, params: Params) -> None:
        """Open them; see `open_rollout`."""
        alone = replace(params.rollout, batch_size=1)
        self._rollout = open_rollout(policy, data, replace(params, rollout=alone))

    def __call__(self, question: str, tell: Callable[[TurnRecord], None]) -> dict[str, Any]:
        """One greedy episode: the question, its answer (or None), why it ended, and its turns.

        Args:
            question: Anything but blanks.
            tell: Gets each turn as soon as it is over.
        """
        episode = ToldEpisode(question, self._rollout.renderer, tell)
        [played] = self._rollout.play([episode])
        return {
            "question": question,
            "answer": played.answer,
            "stop_reason": played.stop_reason.value,
            "turns": [turn.to_json() for turn in episode.told],
        }


def open_rollout(policy: Path, data: Path, params: Params) -> Rollout:
    """A policy's engine, and what it searches.

    Args:
        policy: A folder as `save_pretrained` writes it.
        data: Has the folders `corpus` and `index`.
        params: Sections `environment`, `model`, `retrieval` and `rollout`.

    Raises:
        DataError: a folder is missing, damaged or made with other parameters.
        EngineError: the sampling engine cannot be opened.
    """
    if not policy.is_dir():
        problem = "no policy; `dvc repro train` trains one, and --policy names another folder"
        raise DataError(problem, policy)
    corpus = Corpus.open(data / "corpus")
    retriever = open_retriever(params.retrieval, data / "index", corpus)
    model, tokenizer = load_policy(policy)
    check_context(model.config, params.environment.max_trajectory_tokens)
    model.to(own_device())  # type: ignore[arg-type]
    engine = open_engine(model, tokenizer, policy, params.model, params.environment, params.rollout)
    return Rollout(engine, retriever, Renderer(tokenizer, params.environment), params.rollout)


def read_asked(path: Path) -> list[str]:
    """The questions of a file: `question` of each row of JSON, JSON lines or CSV; else a line each.

    Raises:
        DataError: the file cannot be read, holds none, or a row has no question.
    """
    if path.suffix.lower() in (".json", ".jsonl", ".csv"):
        return [row.text("question") for row in read_rows(path)]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", path) from error
    asked = [line.strip() for line in lines if line.strip()]
    if not asked:
        raise DataError("holds no question", path)
    return asked


class ToldEpisode(Episode):
    """An episode on a question of anybody's, which tells each of its turns."""

    def __init__(self, question: str, renderer: Renderer, tell: Callable[[TurnRecord], None]) -> None:
        super().__init__(Question("asked", "", "", question, answers=()), 0, renderer)
        self.told: list[TurnRecord] = []
        self._found: dict[str, Passage] = {}
        self._tell = tell

    def act(self, token_ids: list[int], log_probs: list[float] | None, text: str) -> Action:
        """See `Episode.act`."""
        action = super().act(token_ids, log_probs, text)
        self._tell_new()
        return action

    def observe(self, passages: Sequence[Passage] | None) -> None:
        """See `Episode.observe`."""
        self._found.update((passage.id, passage) for passage in passages or ())
        super().observe(passages)
        self._tell_new()

    def fail(self, reason: StopReason) -> None:
        """See `Episode.fail`."""
        super().fail(reason)
        self._tell_new()

    def _tell_new(self) -> None:
        for turn in self.trajectory.turns[len(self.told) :]:
            seen = {passage.id for earlier in self.told for passage in earlier.passages}
            self.told.append(turn_record(turn, None, self.question, seen, self._found.__getitem__))
            self._tell(self.told[-1])


def turn_lines(turn: TurnRecord) -> list[str]:
    """A turn for people: what the policy thought, what it did, and the titles of what it was shown."""
    if turn.action is ActionKind.INVALID:
        return [f"invalid: {turn.reason}: {' '.join(turn.text.split())}"]
    thought, _, done = turn.text.rpartition(f"<{turn.action}>")
    said = turn.query or done.partition(f"</{turn.action}>")[0]
    lines = [f"{turn.action}: {' '.join(said.split())}"]
    if thought := " ".join(_TAG.sub(" ", thought).split()):
        lines.insert(0, f"thought: {thought}")
    if turn.action is ActionKind.SEARCH:
        nothing = "nothing that fits into the context" if turn.hidden_ids else "nothing"
        lines.append(f"  found: {'; '.join(map(_name, turn.passages)) or nothing}")
    return lines


def _name(passage: ShownPassage) -> str:
    """A passage by its title, or by how it begins."""
    return passage.title or f"{passage.text[:_UNTITLED_LETTERS]} ..."
