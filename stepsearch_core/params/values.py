"""Parameters as text: what a text means is asked of the schema, never guessed from how the text looks.

YAML by itself reads `007` as 7, `off` as false and `1:30` as 90 before anyone knows that a folder is called
so. Here every scalar of a file stays the text that it is until the type of its field converts it (only a
plain `null`, `~` or nothing is None), and the same holds for overrides. A field for text takes what stands
behind `=` as it was typed, quotes included; `null` is None for a field that may be None. Lists and mappings
are YAML again. `${...}` has no meaning: DVC reads the file as well, and must read the same values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from omegaconf import MISSING

from stepsearch_core.params.schema import Params

_NULL = ("", "~", "null", "Null", "NULL")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
"""Text that YAML 1.1 (ours) and 1.2 (DVC's) both read as text without quotes, but for words such as `yes`.
"""


def parse_yaml(text: str) -> Any:
    """YAML whose scalars are text, or None for a plain null.

    Raises:
        yaml.YAMLError: it is no YAML, or a mapping has a key twice.
    """
    return yaml.load(text, Loader=_TextLoader)


def lay_over(values: dict[str, Any], override: str) -> None:
    """Put the `key.sub=value` of an override into `values`, which `parse_yaml` read.

    A mapping given for a section (`watch.guard={...}`) is laid over it key by key; one given for a mapping
    of free keys (`fetch.files={...}`) replaces it, so that entries can be left out.

    Raises:
        ValueError: not of this form, or the value is not the YAML that the field needs.
    """
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise ValueError(f"override {override!r}: expected key=value")
    *sections, name = key.split(".")
    target = values
    for section in sections:
        if target.get(section) is None:
            target[section] = {}
        target = target[section]
        if not isinstance(target, dict):
            raise ValueError(f"{key}: no such parameter ({section} is a value)")
    kind = _kind_of(key)
    value = _value(key, text, kind)
    if is_dataclass(kind):
        merge(target, {name: value}, ".".join(sections))
    else:
        target[name] = value


def merge(values: dict[str, Any], above: Mapping[str, Any], key: str = "") -> None:
    """Lay the values `above` over those of the section `key` (all sections: no key), as `lay_over` does."""
    for name, value in above.items():
        inner = f"{key}.{name}" if key else name
        if not is_section(inner):
            values[name] = value
        elif isinstance(value, dict):
            merge(values.setdefault(name, {}), value, inner)
        elif value is not None:  # None: all of its lines are commented out
            raise ValueError(f"{inner}: expected parameters, found {value!r}")


def checked_sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of what a file says in which every section is one.

    Raises:
        ValueError: a section is a single value; names its key.
    """
    checked: dict[str, Any] = {}
    merge(checked, values)
    return checked


def absent(values: Mapping[str, Any], schema: Any = Params, prefix: str = "") -> list[str]:
    """Dotted keys of the parameters that `values` leaves out, in the order of the schema."""
    found = []
    for name, kind in get_type_hints(schema).items():
        if name not in values:
            found.append(f"{prefix}{name}")
        elif is_dataclass(kind) and isinstance(values[name], dict):
            found += absent(values[name], kind, f"{prefix}{name}.")
    return found


def for_omegaconf(value: Any, key: str = "") -> Any:
    """A copy of what `parse_yaml` and `lay_over` made, in which OmegaConf takes all text as text.

    Raises:
        ValueError: a value is `???`, which OmegaConf would pass over, or no Unicode text.
    """
    if isinstance(value, dict):
        return {
            name: for_omegaconf(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()
        }
    if isinstance(value, list):
        return [for_omegaconf(item, key) for item in value]
    return _escaped(key, value) if isinstance(value, str) else value


def params_yaml(params: Params) -> str:
    """The file from which `load_params`, and every other reader of YAML, reads these parameters."""
    return yaml.dump(asdict(params), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)


class _TextLoader(yaml.BaseLoader):
    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        return None if node.style is None and node.value in _NULL else super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            problem = f"found duplicate key {key.value}" if str(key.value) in seen else None
            if problem or not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, problem or "a key that is no text", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if _PLAIN.fullmatch(text) else '"')


_Dumper.add_representer(str, _represent_text)


def is_section(key: str) -> bool:
    """Whether a dotted key is a section of the schema, and not a value or a mapping of free keys."""
    return is_dataclass(_kind_of(key))


@cache
def _kind_of(key: str) -> Any:
    """The type of the field with this dotted key; None if there is no such field."""
    kind: Any = Params
    for name in key.split("."):
        if is_dataclass(kind):
            kind = get_type_hints(kind).get(name)
        else:
            kind = get_args(kind)[1] if get_origin(kind) is dict else None
    return kind


def _value(key: str, text: str, kind: Any) -> Any:
    """What the text behind `=` stands for, still with texts for scalars."""
    if NoneType in get_args(kind) and text == "null":
        return None
    if not is_dataclass(kind) and get_origin(kind) not in (list, dict):
        return text
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{key}: not YAML: {error}") from None


def _escaped(key: str, text: str) -> str:
    if text == MISSING:
        raise ValueError(f"{key}: {MISSING!r} stands for a missing value; write one")
    try:
        text.encode()
    except UnicodeEncodeError:  # a file name in another encoding, from the command line
        raise ValueError(f"{key}: {text!r} is not Unicode text") from None
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
