r"""A prompt of one's own: a file `conf/prompts/NAME.yaml` that `environment.prompt` names.

A released checkpoint is at its best when it is asked in the words it was trained with. The file has them and
the layout of what searches show; `base` names the style of ours that says how turns are written (its tags)
and has what the file leaves out:

    base: paper                       # minimal, paper: <think> | released: <plan> and <observation>
    prompt: "... Question: {question}\n"
    document: "Doc {rank}(Title: {title}) {text}\n"

Other fields are those of `prompts.PromptStyle` that are texts. Each is taken as it stands: blanks and line
ends of double-quoted or block text count. In `prompt`, `closed_book` and `document` a brace that is none of
a field's is written twice. DVC watches the folder: after a change in it, stages that ask run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from string import Formatter

from yaml import YAMLError

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.io import read_text
from stepsearch_core.params.values import parse_yaml

_ASKED = {"question": (1, 1)}
_PLACES = {
    "prompt": _ASKED,
    "closed_book": _ASKED,
    "document": {"rank": (0, 1), "title": (0, 1), "text": (1, 1)},
}
"""Of a template the fields in braces, each with how often it stands there at least and at most."""


def read_prompt_file(name: str, styles: Sequence[str], texts: Collection[str]) -> tuple[str, dict[str, str]]:
    """The style that a prompt file builds on, and its own texts.

    Args:
        name: of the file, in the work folder.
        styles: what `base` may be.
        texts: the fields that it may have besides.

    Raises:
        DataError: no such file, not YAML, a field that is none or holds no such text; names file and field.
    """
    path = Path(name)
    try:
        values = parse_yaml(read_text(path))
    except YAMLError as error:
        raise DataError(f"not YAML: {' '.join(str(error).split())}", path) from None
    if not isinstance(values, dict):
        raise DataError("expected fields, as `prompt: ...`", path)
    base = values.pop("base", None)
    if base not in styles:
        raise DataError(f"{base!r} is not one of {', '.join(styles)}", path, field="base")
    for field, text in values.items():
        if field not in texts:
            raise DataError(f"no such field: base, {', '.join(texts)}", path, field=str(field))
        if not isinstance(text, str):
            raise DataError("expected a text", path, field=field)
        if problem := _template_problem(text, _PLACES[field]) if field in _PLACES else None:
            raise DataError(problem, path, field=field)
    return base, values


def _template_problem(text: str, places: dict[str, tuple[int, int]]) -> str | None:
    """What is wrong with a template, or None."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        return f"{error}; a brace that is none of a field's is written twice"
    names = Counter(name for _, name, _, _ in parts if name is not None)
    if unknown := names.keys() - places.keys():
        known = ", ".join(f"{{{name}}}" for name in places)
        return f"{{{min(unknown)}}} is none of {known}; a brace that is none of a field's is written twice"
    if any(form or conversion for _, _, form, conversion in parts):
        return "a field in braces is its name alone"
    for name, (least, most) in places.items():
        if not least <= names[name] <= most:
            return (
                f"{{{name}}} stands there {names[name]} times, and should {'' if least else 'at most '}once"
            )
    return None
