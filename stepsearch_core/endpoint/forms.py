"""Parts of the forms that models fill in."""

from __future__ import annotations

from typing import Any

from pydantic import AfterValidator, Field

LONGEST = 120
"""Characters of a line that can be asked for: xgrammar, by which vLLM decodes, ends with an error at 150."""


def line(most: int) -> Any:
    """Of a text that the schema wants as one line of at most `most` characters, though a longer one is read.

    A service that decodes by the schema can so keep a weak model from repeating itself to its limit. The
    schema says it by `pattern` alone: OpenAI's strict schemas may hold neither `minLength` nor `maxLength`.

    Args:
        most: characters, up to `LONGEST`.
    """
    assert most <= LONGEST
    return Field(json_schema_extra={"pattern": f"^[^\\n]{{1,{most}}}$"})


def _checked(text: str) -> str:
    if not text.strip():
        raise ValueError("blank")
    return text


not_blank = AfterValidator(_checked)
"""Refuses a blank text."""
