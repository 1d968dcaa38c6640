"""Text into token ids: only ours becomes control tokens; other people's text is text, whatever it spells.

A passage, a title or a question can spell `<s>`, a chat template's end of turn or a tag of the protocol.
Where the tokenizer would make a control token of it, the text is cut within that spelling and the pieces are
encoded one by one: the same characters, as plain tokens. Every other text is encoded whole and keeps its
ids. A special token of a single character cannot be cut; other people's is left out.

Control tokens are the tokenizer's special tokens, and the tokens added to it that look like marks
(`<think>`, `[INST]`, the tags of tokenizers trained here): first and last character are neither letter,
digit nor white space. A tokenizer without tokens for the protocol's tags writes ours and other people's with
the same plain ids.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from stepsearch_core.environment.decoding import TurnDecoder


class TextEncoder:
    """Encodes and decodes for one fast tokenizer, remembering what it has encoded."""

    def __init__(self, tokenizer: Any, tags: Collection[str]) -> None:
        """`tags`: the control tokens that a turn of the policy may hold."""
        self._tokenizer = tokenizer
        self._decoder = TurnDecoder(tokenizer)
        self._unknown = tokenizer.unk_token_id
        self._control = control_tokens(tokenizer)
        self._never = self._control.keys() - {self._unknown}  # of text that spells none
        self._spelled_unknown = self._control.get(self._unknown, "\0")
        self._tags = frozenset(token for token, text in self._control.items() if text in tags)
        self._plain = lru_cache(maxsize=200_000)(self._plain_uncached)
        self._ours = lru_cache(maxsize=1_000)(self._ours_uncached)
        self.begin = begin_ids(tokenizer)
        """What the tokenizer itself begins a text with."""

    def ours(self, text: str) -> list[int]:
        """Ids of text that is all ours: it may spell control tokens, and means them."""
        return list(self._ours(text))

    def theirs(self, text: str) -> list[int]:
        """Ids of other people's text, no control token among them."""
        return list(self._plain(text, 0, len(text)))

    def theirs_within(self, before: str, text: str, after: str) -> list[int]:
        """Ids of other people's text between two of ours, encoded as one text."""
        return list(self._plain(before + text + after, len(before), len(before) + len(text)))

    def turn(self, text: str) -> list[int]:
        """Ids of a turn that was not sampled: the protocol's tags are meant, control tokens are not."""
        return list(self._plain(text, 0, len(text), self._tags))

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out (`environment.decoding`)."""
        return self._decoder.text(token_ids)

    def _ours_uncached(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))

    def _plain_uncached(
        self, text: str, start: int, end: int, allowed: frozenset[int] = frozenset()
    ) -> tuple[int, ...]:
        """Ids of a text whose characters from `start` to `end` make no control token but those allowed."""
        if end - start == len(text) and self._spelled_unknown not in text:
            ids = self._ours_uncached(text)
            if (self._never - allowed).isdisjoint(ids):
                return ids
        ids, windows = (), [(0, len(text))]
        while windows:
            window = windows.pop()
            found, spans = self._spans(text, *window)
            cuts: list[int] = []
            for token, (first, last) in zip(found, spans, strict=True):
                if (
                    token not in allowed
                    and first < end
                    and last > start
                    and self._is_control(token, text[first:last])
                ):
                    cuts += [start] if first < start else [first + 1] if last - first > 1 else [first, last]
            edges = sorted({*window, *cuts})
            if len(edges) == 2 and not cuts:
                ids += found
            elif len(edges) > 2:  # otherwise it is one character
                windows += reversed(list(pairwise(edges)))
        return ids

    def _spans(self, text: str, start: int, end: int) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
        """Ids of a part of a text, and where in the whole text each begins and ends."""
        encoded = self._tokenizer(text[start:end], add_special_tokens=False, return_offsets_mapping=True)
        spans = [(start + first, start + last) for first, last in encoded["offset_mapping"]]
        return tuple(encoded["input_ids"]), spans

    def _is_control(self, token: int, spelled: str) -> bool:
        """The token for unknown words is one only where it is spelled out."""
        return token in self._control and (token != self._unknown or spelled.strip() == self._control[token])


def control_tokens(tokenizer: Any) -> dict[int, str]:
    """Id -> text of each control token."""
    return {
        token: added.content
        for token, added in tokenizer.added_tokens_decoder.items()
        if added.special or _is_mark(added.content)
    }


def begin_ids(tokenizer: Any) -> list[int]:
    """The ids that the tokenizer puts before any text: begin-of-text, or nothing."""
    text = "a"
    plain = tokenizer.encode(text, add_special_tokens=False)
    whole = tokenizer.encode(text)
    places = range(len(whole) - len(plain) + 1)
    return next((whole[:place] for place in places if whole[place : place + len(plain)] == plain), [])


def end_ids(tokenizer: Any) -> frozenset[int]:
    """Each of these ends a turn: what `policy.tokenizers.prepare` found, or else the end-of-text token."""
    ends = getattr(tokenizer, "turn_ends", None)
    if ends is None:
        ends = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    return frozenset(ends)


def _is_mark(text: str) -> bool:
    return not any(letter.isalnum() or letter.isspace() for letter in (text[0], text[-1]))
