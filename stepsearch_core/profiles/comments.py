"""Comments at the ends of lines in a mapping of ruamel.yaml.

It keeps what stands between two values, the comment behind the first and the blank lines and headings before
the next, as one token of the first. Here the two parts are told apart, so that a value and its comment can
be replaced and the layout stays.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from stepsearch_core.params.values import is_section

COLUMN = 35
"""Where comments begin, but behind longer values."""


def comment_of(mapping: Any, name: str) -> str:
    """The comment behind a key or its value, with its sign; empty without one."""
    return _token(mapping, name).partition("\n")[0]


def comments(mapping: Any, key: str = "") -> dict[str, str]:
    """The comment behind each value of all sections, by dotted key and without its sign."""
    found: dict[str, str] = {}
    for name, value in mapping.items():
        inner = f"{key}.{name}" if key else name
        if is_section(inner):
            found |= comments(value, inner)
        else:
            found[inner] = comment_of(mapping, name).removeprefix("# ")
    return found


def set_comment(mapping: Any, name: str, comment: str) -> None:
    """Replace the comment behind a key or its value."""
    _set_token(mapping, name, comment, _token(mapping, name).partition("\n")[2])


def put(mapping: Any, name: str, value: Any, comment: str) -> None:
    """Replace the value and the comment of a key."""
    follows = _token(*_end(mapping, name)).partition("\n")[2]
    mapping[name] = value
    _set_token(mapping, name, comment, "")
    end = _end(mapping, name)
    _set_token(*end, comment_of(*end), follows)


def _end(node: Any, name: Any) -> tuple[Any, Any]:
    """The last entry in the value of a key, which has what follows the value; the key itself of one on its
    line.
    """
    value = node[name]
    while isinstance(value, CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        node, name = value, list(value)[-1] if isinstance(value, CommentedMap) else len(value) - 1
        value = node[name]
    return node, name


def _token(node: Any, name: Any) -> str:
    """What stands behind an entry, up to the next one."""
    tokens = node.ca.items.get(name)
    token = tokens[_slot(node)] if tokens else None
    return token.value if token else ""


def _set_token(node: Any, name: Any, comment: str, follows: str) -> None:
    if isinstance(node[name], CommentedMap | CommentedSeq):
        node[name].ca.comment = None  # a second copy of what stands behind the key
    if comment or follows:
        token = CommentToken(f"{comment}\n{follows}", CommentMark(COLUMN if comment else 0), None)
        tokens = node.ca.items.setdefault(name, [None, None] if _slot(node) == 0 else [None] * 4)
        tokens[_slot(node)] = token
    else:
        node.ca.items.pop(name, None)


def _slot(node: Any) -> int:
    """Where ruamel.yaml keeps the token behind an entry."""
    return 2 if isinstance(node, CommentedMap) else 0
