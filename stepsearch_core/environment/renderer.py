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
(`environment.chat`). Without a chat template the notice simply follows the end-of-text token. Passages are
treated alike after turns that only some protocols end so (`environment.protocols`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage
from stepsearch_core.environment.actions import STOP_STRINGS
from stepsearch_core.environment.chat import chat_of, plain
from stepsearch_core.environment.documents import Documents, Observation
from stepsearch_core.environment.encoding import TextEncoder, end_ids
from stepsearch_core.environment.prompts import style_of
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.params import EnvironmentParams


class Renderer:
    """Encodes what the environment writes, for one tokenizer, one style of prompt and one protocol.

    Raises:
        DataError: tokenizer and parameters do not fit together, or the prompt file is missing or damaged.
    """

    def __init__(self, tokenizer: Any, params: EnvironmentParams) -> None:
        self.params = params
        self.style = style_of(params)
        self.protocol = PROTOCOLS[params.protocol]
        self._encoder = TextEncoder(tokenizer, self.style.grammar.tags)
        self._documents = Documents(self._encoder, self.style, params)
        around = partial(chat_of, tokenizer) if params.chat_template else plain
        self._chat = around(self.style.prompt)
        self._refining = around(self.protocol.refinement) if self.protocol.refinement else None
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
        if self.protocol.asks_first:
            before, after = self.prompt_parts(question)
            return [*before, *after]
        return self._chat.asked(self._encoder, question)

    def prompt_parts(self, question: str) -> tuple[list[int], list[int]]:
        """The prompt's ids to the end of the question's line, and those behind: documents stand between."""
        return self._chat.asked_in_parts(self._encoder, question)

    def opened_by(self, last_turn: bool, closed_by: int | None = None) -> str:
        """What a turn goes on from that follows an observation or a notice: mostly nothing."""
        return ("" if closed_by is None else self.opened) + self._notice(last_turn)[1]

    def _notice(self, last_turn: bool) -> tuple[str, str]:
        """What is said before a turn, and what the turn goes on from."""
        notice = self.style.last_turn_notice if last_turn else ""
        return ("", notice) if self.protocol.completes else (notice, "")

    def _around(self, last_turn: bool, closed_by: int | None) -> tuple[list[int], list[int]]:
        """What stands before and behind an information block."""
        notice, start = self._notice(last_turn)
        before, after = ("", "") if closed_by is None else self._chat.around(closed_by)
        behind = notice + after + start
        return self.encode(before) if before else [], self.encode(behind) if behind else []

    def observation(
        self,
        passages: Sequence[Passage],
        room: int,
        last_turn: bool = False,
        closed_by: int | None = None,
    ) -> Observation | None:
        """`<information>` with as many passages, best first, as fit into `room` and the limit.

        Args:
            passages: best first.
            room: tokens at most, the notice included.
            last_turn: whether the notice before the last turn follows.
            closed_by: as of `invalid_notice`.

        Returns:
            None if not even the tags (and the notice) fit.
        """
        before, after = self._around(last_turn, closed_by)
        block = self.block(passages, room - len(before) - len(after))
        return block and replace(block, ids=[*before, *block.ids, *after])

    def refinement(
        self, question: str, step: str, query: str, passages: Sequence[Passage]
    ) -> Observation | None:
        """The whole context in which the policy sums up what a search found (`Protocol.refinement`).

        Args:
            question: of the episode.
            step: the text of the turn that asked.
            query: what it asked.
            passages: best first; as many as fit are shown.

        Returns:
            None if not even the tags around the documents fit.
        """
        assert self._refining is not None
        text = f"{question}\nLatest step: {step}\nQuery: {query}"
        before, after = self._refining.asked_in_parts(self._encoder, text)
        block = self.block(passages, self.prompt_room - len(before) - len(after))
        return block and replace(block, ids=[*before, *block.ids, *after])

    def summary(
        self, text: str, room: int, last_turn: bool = False, closed_by: int | None = None
    ) -> list[int] | None:
        """`<information>` with a text in place of documents, cut at the limits; else as `observation`."""
        before, after = self._around(last_turn, closed_by)
        block = self._documents.text(text, room - len(before) - len(after))
        return None if block is None else [*before, *block, *after]

    def block(self, passages: Sequence[Passage], room: int) -> Observation | None:
        """The information block alone, None if not even its tags fit."""
        return self._documents.block(passages, room)

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
        notice, start = self._notice(last_turn)
        notices = [self.style.invalid_notice, notice, start]
        if closed_by is not None:
            notices = [self._chat.notice(self.style.invalid_notice + notice, closed_by) + start]
        ids = [token for notice in notices if notice for token in self.encode(notice)]
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
        needed = self._documents.least
        if needed > self.params.max_observation_tokens:
            problem = (
                f"{self.params.max_observation_tokens} would show nothing of any search: the tags around the"
                f" documents, a heading and the shortest text take {needed}"
            )
            raise DataError(problem, "params", field="environment.max_observation_tokens")
