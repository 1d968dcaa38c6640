"""What README and docs/ say can be typed, set and opened: commands, parameters, profiles, files, links."""

import contextlib
import dataclasses
import importlib.util
import io
import re
import shlex
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from perf.__main__ import MEASUREMENTS
from stepsearch_core import cli
from stepsearch_core.params import Params
from stepsearch_core.profiles import profile_names, read_profile
from tests.import_graph import ROOT

README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"\.?[\w-][\w.-]*(/[\w.-]+)*/?")
KEY = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)+)(?:: .*|=.*)?")
SUFFIXES = ("json", "jsonl", "html", "yaml", "md", "py")
CORE = ROOT / "stepsearch_core"
MAKEFILE = (ROOT / "Makefile").read_text()
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
IGNORED = {line.strip("/\n").split("/")[0] for line in (ROOT / ".gitignore").open()}
"""Outputs of the stages and the like, which a fresh checkout lacks."""


def blocks(page: Path, language: str = "") -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for name, text in FENCE.findall(page.read_text()) if name == language]


def spans(page: Path) -> list[str]:
    """What stands in backticks outside of the fenced blocks."""
    return SPAN.findall(FENCE.sub("", page.read_text()))


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of blocks and spans as words, without comments and assignments before them."""
    lines = [line for block in blocks(page) for line in block.replace("\\\n", "").splitlines()] + spans(page)
    for line in lines:
        for part in re.split(r"&&|;", re.sub(r"(^|\s)#.*", "", line)):
            with contextlib.suppress(ValueError):  # a quotation mark that is none of a shell's
                words = shlex.split(part)
                while words and (words[0] in ("export", "time") or re.match(r"\w+=", words[0])):
                    words = words[1:]
                if words:
                    yield words


def problem(words: list[str]) -> str | None:
    """Why a command cannot be typed, or None."""
    match words:
        case ["stepsearch", *arguments]:
            return stepsearch_problem(arguments)
        case ["make", *arguments]:
            return make_problem(arguments)
        case ["torchrun", *_, "-m", module]:
            return None if importlib.util.find_spec(module) else f"no module {module}"
        case ["python", "-m", "perf", name, *_]:
            return None if name in MEASUREMENTS or name == "NAME" else f"no measurement {name}"
        case ["python", "-m", module, *_]:
            found = module.startswith("pip") or importlib.util.find_spec(module)
            return None if found else f"no module {module}"
        case ["python", script, *_] if script.endswith(".py"):
            return None if (ROOT / script).is_file() else f"no file {script}"
        case ["dvc", "repro", *arguments]:
            unknown = {word for word in arguments if not word.startswith("--")} - {*STAGES}
            return f"no stage {unknown}" if unknown else None
        case ["pytest", *arguments]:
            missing = [word for word in arguments if word.endswith(".py") and not (ROOT / word).is_file()]
            return f"no file {missing}" if missing else None
    return None


def stepsearch_problem(arguments: list[str]) -> str | None:
    if not arguments:
        return None
    if len(arguments) == 1 or arguments[1] == "NAME":  # the command is meant, not one use of it
        arguments = [arguments[0], *(["tiny"] if arguments[0] in ("profile", "plan", "ask") else [])]
    error = io.StringIO()
    try:
        with contextlib.redirect_stderr(error):
            cli.parser().parse_args(arguments)
        takes_a_profile = arguments[0] in ("profile", "plan", "check")
        name, *overrides = (arguments[1:] if takes_a_profile else []) or ["tiny"]
        if overrides:
            read_profile(name, overrides)
    except (SystemExit, ValueError) as raised:
        return error.getvalue() or str(raised)
    return None if name in profile_names() else f"no profile {name}"


def make_problem(arguments: list[str]) -> str | None:
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))
    named = {word.split("=")[0] for word in arguments}
    return f"no target or variable {named - targets - variables}" if named - targets - variables else None


def parameter_problem(key: str) -> str | None:
    """Why a dotted key is none of the schema, or None; what is below a mapping may be named at will."""
    kind: typing.Any = Params
    for part in key.split("."):
        if not dataclasses.is_dataclass(kind):
            return None if typing.get_origin(kind) is dict else f"{key}: nothing is below {part}"
        fields = typing.get_type_hints(kind)
        if part not in fields:
            return f"{key}: no {part}"
        kind = fields[part]
    return None


def is_path(span: str) -> bool:
    """Whether what has a slash is a path: metrics have one too, as `reward/total`."""
    return span.endswith("/") or bool(Path(span).suffix) or is_there(span.split("/")[0])


def is_there(path: str) -> bool:
    """Whether a path is in the checkout, in the core, or made by running it."""
    named = path.replace("NAME", "train")  # of any stage
    return path.split("/")[0] in IGNORED or any((folder / named).exists() for folder in (ROOT, CORE))


@pytest.mark.slow
def test_every_command_can_be_typed():
    named = {tuple(words): page.name for page in PAGES for words in commands(page)}
    problems = {words: why for words in named if (why := problem(list(words)))}
    assert not problems, [f"{named[words]}: {shlex.join(words)}: {why}" for words, why in problems.items()]


def test_commands_are_found_and_bad_ones_are_noticed():
    assert len(list(commands(README))) > 10
    for bad in (
        "stepsearch profil tiny",
        "stepsearch profile nano",
        "stepsearch profile tiny train.step=5",
        "make tests",
        "make test PYTESTS=x",
        "python -m perf rollouts",
        "python -m tasks.repare",
        "torchrun -m tasks.trains",
        "python examples/grpo.py",
        "dvc repro indexes",
        "pytest tests/test_readme.py",
    ):
        assert problem(bad.split()), bad


def test_every_profile_named_after_a_command_exists():
    for page in PAGES:
        named = re.findall(r"(?:--profile|profile=)\s?([a-z_0-9]+)", page.read_text())
        assert set(named) <= set(profile_names()), page


def test_every_parameter_in_backticks_is_in_the_schema():
    sections = set(typing.get_type_hints(Params))
    problems = []
    for page in PAGES:
        keys = [match[1] for match in map(KEY.fullmatch, spans(page)) if match]
        keys = [key for key in keys if key.split(".")[0] in sections and not key.endswith(SUFFIXES)]
        found = map(parameter_problem, keys)
        problems += [f"{page.name}: {why}" for why in found if why]
    assert not problems, "\n".join(problems)
    assert parameter_problem("train.step")
    assert not parameter_problem("fetch.files.musique")


def test_every_path_in_backticks_and_every_relative_link_leads_somewhere():
    missing = []
    for page in PAGES:
        paths = [span for span in spans(page) if "/" in span and PATH.fullmatch(span) and is_path(span)]
        missing += [f"{page.name}: {path}" for path in paths if not is_there(path)]
        links = [link.split("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
        missing += [f"{page.name}: {link}" for link in links if not (page.parent / link).exists()]
    assert not missing, "\n".join(missing)


def test_readme_is_short():
    assert len(README.read_text().splitlines()) <= 120


def test_the_library_example_prints_what_its_comments_say(capsys):
    [code] = blocks(ROOT / "docs" / "method.md", "python")
    exec(code, {})
    said = re.findall(r"print\(.*\)  # (\[.*?\])", code)
    assert len(code.splitlines()) <= 15
    assert capsys.readouterr().out.splitlines() == said != []


def test_every_page_is_in_the_navigation_and_every_part_of_the_core_has_its_page():
    nav = re.findall(r'= "([\w/]+\.md)"', (ROOT / "zensical.toml").read_text())
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(nav) == sorted(pages)
    parts = {path.parent.name for path in CORE.glob("*/__init__.py")}
    assert {Path(page).stem for page in nav if page.startswith("api/")} == parts
    for part in parts:
        assert f"::: stepsearch_core.{part}" in (ROOT / "docs" / "api" / f"{part}.md").read_text()


def test_the_layers_of_the_documentation_name_every_part_of_the_core():
    table = (ROOT / "docs" / "architecture.md").read_text().split("## The core, layer by layer")[1]
    rows = [set(SPAN.findall(row)) for row in table.split("##")[0].splitlines() if row.startswith("|")]
    for part in (path.parent.name for path in CORE.glob("*/__init__.py")):
        assert sum(part in row for row in rows) == 1, part


def test_one_version_is_told():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == version


def test_pages_link_to_nothing_that_is_no_page_of_theirs():
    outside = [
        f"{page.name}: {target}"
        for page in (ROOT / "docs").glob("*.md")
        for target in re.findall(r"\]\((\.\.[^)]*)\)", page.read_text(encoding="utf-8"))
    ]
    assert not outside
