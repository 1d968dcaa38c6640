"""From text to token ids, once: prompts, observations and notices are encoded here and never decoded again.

Observations are assembled from pieces that are encoded separately (tag, documents, tag), so that their length is known
exactly and whole passages can be dropped instead of cutting a closing tag. Warm-start trajectories are encoded by the
same code, so supervised training sees the token sequences that rollouts will make.

What a search adds to the context is the information block, and before the last turn a notice after it. The block counts
against `max_observation_tokens`: its tags, the blank lines that a style puts around them, the documents' headings and
texts. The notices do not, that of an invalid action neither: they are of fixed length and come whole. All of it counts
against `max_trajectory_tokens`, of which `max_turn_tokens` are kept free for the turn that follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.io import DataError
from stepsearch_core.params import EnvironmentParams
from stepsearch_core.types import Passage


class Renderer:
    """Encodes what the environment writes, for one tokenizer and one style of prompt.

    Raises:
        DataError: tokenizer and parameters do not fit together.
    """

    def __init__(self, tokenizer: Any, params: EnvironmentParams) -> None:
        self.params = params
        self.style = STYLES[params.prompt]
        self._tokenizer = tokenizer
        self._encode = lru_cache(maxsize=200_000)(self._encode_uncached)
        self._check()

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, without special tokens."""
        return list(self._encode(text))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return self._tokenizer.decode(token_ids, skip_special_tokens=True)

    def written(self, text: str, limit: int) -> tuple[list[int], None, str]:
        """A turn that is given instead of sampled, cut where a model would have had to stop.

        Returns:
            What `Episode.act` takes: ids, no log-probabilities, and their text.
        """
        ids = self.encode(text)
        return (ids, None, text) if len(ids) <= limit else (ids[:limit], None, self.decode(ids[:limit]))

    def closed(self, token_ids: Sequence[int], text: str) -> str:
        """A turn's text without what its last token holds behind the tag that it closes.

        Many vocabularies have `>.` or a whole `</search>.` as one token: what comes with the tag was not chosen. Text
        that tokens of its own write behind the tag stays.
        """
        ends = [text.find(stop) + len(stop) for stop in STOP_STRINGS if stop in text]
        if not ends or not text[min(ends) :].strip():
            return text
        before = self.decode(token_ids[:-1])
        return text if any(stop in before for stop in STOP_STRINGS) else text[: min(ends)]

    def prompt(self, question: str) -> list[int]:
        """The prompt's ids, through the tokenizer's chat template if `environment.chat_template` says so.

        Raises:
            DataError: the prompt leaves no room for a turn; a question is never cut.
        """
        text = self.style.prompt.format(question=question)
        if self.params.chat_template:
            messages = [{"role": "user", "content": text}]
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = self.encode(text)
        room = self.params.max_trajectory_tokens - self.params.max_turn_tokens
        if len(ids) > room:
            problem = (
                f"a prompt of {len(ids)} tokens does not fit: {room} are left beside one turn "
                f"(question: {question[:80]!r})"
            )
            raise DataError(problem, "params", field="environment.max_trajectory_tokens")
        return ids

    def observation(
        self, passages: Sequence[Passage], room: int, last_turn: bool = False
    ) -> tuple[list[int], int] | None:
        """`<information>` with as many whole passages, best first, as fit into `room` and the limit.

        Args:
            passages: best first; the first that does not fit ends the list.
            room: tokens at most, the notice included.
            last_turn: whether the notice before the last turn follows.

        Returns:
            The ids and how many passages they show, or None if not even the tags (and the notice) fit.
        """
        opening, closing = self.encode(self.style.opening), self.encode(self.style.closing)
        notice = self.encode(self.style.last_turn_notice) if last_turn else []
        room = min(room, self.params.max_observation_tokens + len(notice))
        used = len(opening) + len(closing) + len(notice)
        if used > room:
            return None
        documents: list[int] = []
        shown = 0
        for rank, passage in enumerate(passages, start=1):
            ids = self.encode(self.style.document.format(rank=rank, title=passage.title, text=passage.text))
            if used + len(documents) + len(ids) > room:
                break
            documents += ids
            shown = rank
        return [*opening, *documents, *closing, *notice], shown

    def invalid_notice(self, room: int, last_turn: bool = False) -> list[int] | None:
        """The answer to an invalid action, or None if it does not fit into `room`."""
        ids = self.encode(self.style.invalid_notice)
        if last_turn:
            ids += self.encode(self.style.last_turn_notice)
        return ids if len(ids) <= room else None

    def _check(self) -> None:
        for tag in self.style.grammar.tags:
            if self.decode(self.encode(tag)).strip() != tag:
                problem = f"the tokenizer cannot write the tag {tag} of the style {self.params.prompt!r}"
                raise DataError(problem, "params", field="environment.prompt")
        if self.params.chat_template and not getattr(self._tokenizer, "chat_template", None):
            raise DataError("the tokenizer has no chat template", "params", field="environment.chat_template")
        tags = len(self.encode(self.style.opening)) + len(self.encode(self.style.closing))
        if tags > self.params.max_observation_tokens:
            problem = f"{self.params.max_observation_tokens} do not hold the {tags} tokens around the documents"
            raise DataError(problem, "params", field="environment.max_observation_tokens")

    def _encode_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))
