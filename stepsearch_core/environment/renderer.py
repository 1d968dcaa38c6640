"""From text to token ids, once: prompts, observations and notices are encoded here and never decoded again.

Observations are assembled from pieces that are encoded separately (tag, documents, tag), so that their
length is known exactly and a closing tag is never cut. A passage that does not fit is treated by
`environment.long_passages`: `cut` at the end of a sentence or word, with a mark, it ends the list and counts
as shown; with `skip` it is left out for the next one that fits. Documents are numbered as they are shown.
(The released code cuts the block itself, see 1.3.) Warm-start trajectories are encoded by the same code, so
supervised training sees the token sequences that rollouts will make.

What a search adds to the context is the information block, and before the last turn a notice after it. The
block counts against `max_observation_tokens`: its tags, the blank lines that a style puts around them, the
documents' headings and texts. The notices do not, that of an invalid action neither: they are of fixed
length and come whole. All of it counts against `max_trajectory_tokens`, of which `max_turn_tokens` are kept
free for the turn that follows.

A prompt begins with what the tokenizer begins a text with, once: a chat template that writes it is left as
it is. What of questions and passages would be control tokens is plain text (`environment.encoding`). In a
chat, a notice after a turn that the policy has closed by an end-of-turn token is a user's turn, and a new
assistant's turn begins behind it; after any other turn it stands within the assistant's, as passages do
(`environment.chat`). Without a chat template the notice simply follows the end-of-text token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage
from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.chat import chat_of, plain
from stepsearch_core.environment.encoding import TextEncoder, end_ids
from stepsearch_core.environment.excerpts import longest_excerpt
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.params import EnvironmentParams

SHORTEST_EXCERPT = 8
"""Tokens: a passage of which less would be left, mark and heading included, is not cut."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The ids of an information block (and notice), and the positions of the passages it shows."""

    ids: list[int]
    shown: tuple[int, ...]
    cut: tuple[int, ...]


class Renderer:
    """Encodes what the environment writes, for one tokenizer and one style of prompt.

    Raises:
        DataError: tokenizer and parameters do not fit together.
    """

    def __init__(self, tokenizer: Any, params: EnvironmentParams) -> None:
        self.params = params
        self.style = STYLES[params.prompt]
        self._encoder = TextEncoder(tokenizer, self.style.grammar.tags)
        self._cut = lru_cache(maxsize=20_000)(self._cut_uncached)
        self._chat = (
            chat_of(tokenizer, self.style.prompt) if params.chat_template else plain(self.style.prompt)
        )
        self._ends = end_ids(tokenizer)
        ends = (self._chat.end, tokenizer.eos_token_id, *sorted(self._ends))
        self._end = next((end for end in ends if end is not None), None)
        self._check()

    @property
    def opened(self) -> str:
        """What the prompt's end has opened for the first turn, `<think>` say; mostly nothing."""
        return self._chat.opened

    def closed_by(self, token_ids: Sequence[int]) -> int | None:
        """The token by which these have closed the assistant's turn of a chat, None if they have not."""
        closed = self.params.chat_template and bool(token_ids) and token_ids[-1] in self._ends
        return token_ids[-1] if closed else None

    def encode(self, text: str) -> list[int]:
        """Token ids of a text that is ours, without special tokens around it."""
        return self._encoder.ours(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return self._encoder.decode(token_ids)

    def written(self, text: str, limit: int, ended: bool = False) -> tuple[list[int], None, str]:
        """A turn that is given instead of sampled, cut where a model would have had to stop.

        Args:
            text: with the protocol's tags; what else it spells is plain text.
            limit: tokens at most.
            ended: whether the token follows that ends a turn (of the chat template, or the end of text).

        Returns:
            What `Episode.act` takes: ids, no log-probabilities, and their text.
        """
        ids = self._encoder.turn(text)
        if len(ids) > limit:
            return ids[:limit], None, self.decode(ids[:limit])
        if ended and self._end is not None and len(ids) < limit:
            ids.append(self._end)
        return ids, None, text

    def closed(self, token_ids: Sequence[int], text: str) -> str:
        """A turn's text without what its last token holds behind the tag that it closes.

        Many vocabularies have `>.` or a whole `</search>.` as one token: what comes with the tag was not
        chosen. Text that tokens of its own write behind the tag stays.
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
        ids = self._prompt(question)
        if len(ids) > self.prompt_room:
            problem = (
                f"a prompt of {len(ids)} tokens does not fit: {self.prompt_room} are left beside one turn "
                f"(question: {question[:80]!r})"
            )
            raise DataError(problem, "params", field="environment.max_trajectory_tokens")
        return ids

    @property
    def prompt_room(self) -> int:
        """Tokens that a prompt may have."""
        return self.params.max_trajectory_tokens - self.params.max_turn_tokens

    def prompt_length(self, question: str) -> int:
        """Tokens of the question's prompt, whether it fits or not."""
        return len(self._prompt(question))

    def fits(self, question: str) -> bool:
        """Whether the question's prompt leaves room for a turn."""
        return self.prompt_length(question) <= self.prompt_room

    def _prompt(self, question: str) -> list[int]:
        chat, begin = self._chat, self._encoder.begin
        ids = self._encoder.theirs_within(chat.before_question, question, chat.after_question)
        return ids if ids[: len(begin)] == begin else [*begin, *ids]

    def observation(
        self, passages: Sequence[Passage], room: int, last_turn: bool = False
    ) -> Observation | None:
        """`<information>` with as many passages, best first, as fit into `room` and the limit.

        Args:
            passages: best first.
            room: tokens at most, the notice included.
            last_turn: whether the notice before the last turn follows.

        Returns:
            None if not even the tags (and the notice) fit.
        """
        opening, closing = self.encode(self.style.opening), self.encode(self.style.closing)
        notice = self.encode(self.style.last_turn_notice) if last_turn else []
        left = (
            min(room, self.params.max_observation_tokens + len(notice))
            - len(opening)
            - len(closing)
            - len(notice)
        )
        if left < 0:
            return None
        documents: list[int] = []
        shown: list[int] = []
        cut: list[int] = []
        for position, passage in enumerate(passages):
            ids: Sequence[int] = self._document(len(shown) + 1, passage.title, passage.text)
            if len(ids) > left:
                ids = self._cut(len(shown) + 1, passage, left) if self.params.long_passages == "cut" else ()
                if not ids:
                    continue
                cut.append(position)
            documents += ids
            left -= len(ids)
            shown.append(position)
            if cut:
                break
        return Observation([*opening, *documents, *closing, *notice], tuple(shown), tuple(cut))

    def shown(self, passages: Sequence[Passage]) -> list[str]:
        """The ids of the passages that a search with these results shows if there is room for all."""
        made = self.observation(passages, room=self.params.max_observation_tokens)
        return [passages[position].id for position in made.shown] if made else []

    def invalid_notice(
        self, room: int, last_turn: bool = False, closed_by: int | None = None
    ) -> list[int] | None:
        """The answer to an invalid action, or None if it does not fit into `room`.

        Args:
            room: tokens at most.
            last_turn: whether the notice before the last turn follows.
            closed_by: the token by which the turn has closed the assistant's turn of a chat, if it has: then
                the notice is a user's turn, and the prompt's end is repeated behind it.
        """
        notices = [self.style.invalid_notice, *([self.style.last_turn_notice] if last_turn else [])]
        if closed_by is not None:
            notices = [self._chat.notice("".join(notices), closed_by)]
        ids = [token for notice in notices for token in self.encode(notice)]
        return ids if len(ids) <= room else None

    def _check(self) -> None:
        for tag in self.style.grammar.tags:
            if self.decode(self.encode(tag)).strip() != tag:
                problem = f"the tokenizer cannot write the tag {tag} of the style {self.params.prompt!r}"
                raise DataError(problem, "params", field="environment.prompt")
        if self.opened and not self.opened.startswith(f"<{self.style.grammar.reasoning}>"):
            problem = (
                f"the chat template opens {self.opened.strip()!r},"
                f" which the style {self.params.prompt!r} lacks"
            )
            raise DataError(problem, "params", field="environment.prompt")
        around = len(self.encode(self.style.opening)) + len(self.encode(self.style.closing))
        needed = around + self._shortest(1, "")
        if needed > self.params.max_observation_tokens:
            problem = (
                f"{self.params.max_observation_tokens} would show nothing of any search: the tags around the"
                f" documents, a heading and the shortest text take {needed}"
            )
            raise DataError(problem, "params", field="environment.max_observation_tokens")

    def _document(self, rank: int, title: str, text: str) -> list[int]:
        return self._encoder.theirs(self.style.document.format(rank=rank, title=title, text=text))

    def _shortest(self, rank: int, title: str) -> int:
        """Tokens of the least that is shown of a passage: all of a short one, else a beginning."""
        if self.params.long_passages == "skip":
            return len(self._document(rank, title, "")) + 1
        return len(self._document(rank, title, self.style.cut_mark)) + SHORTEST_EXCERPT

    def _cut_uncached(self, rank: int, passage: Passage, room: int) -> tuple[int, ...]:
        """The document with as much of the passage's text as fits and the mark; () if that is too little."""
        if self._shortest(rank, passage.title) > room:
            return ()

        def encoded(text: str) -> list[int]:
            return self._document(rank, passage.title, text + self.style.cut_mark)

        excerpt = longest_excerpt(passage.text, lambda text: len(encoded(text)) <= room)
        return tuple(encoded(excerpt)) if excerpt else ()
