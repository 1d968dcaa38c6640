"""A value keeps what was typed: through an override, through `activate` and through the file that it
writes.
"""

import re
from dataclasses import fields, is_dataclass
from functools import partial
from typing import get_type_hints

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stepsearch_core.params import Params, ParamsError, load_params
from stepsearch_core.profiles import activate, load_profile

LOOKS_LIKE_SOMETHING_ELSE = (
    *("007", "0o7", "0x1F", "1e3", "1_000", "1:30", ".5", ".nan", "-.inf", "+1", "2026-01-31", "12"),
    *("yes", "no", "on", "off", "y", "N", "true", "False", "Null", "NULL", "~", ""),
    *(
        "a: b",
        "{a: b}",
        "[a, b]",
        "- a",
        "? a",
        "a=b",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "#a",
        "a #b",
    ),
    *(
        "'a'",
        '"a"',
        "'",
        '"',
        " a ",
        "a\nb",
        "a\tb",
        "a\x85b",
        "\u2028",
        "\ufeffa",
        "\x00",
        "é",
        "😀",
        "..",
        "---",
    ),
    *("${a}", "\\${a}", "\\\\${a}", "${", "${oc.env:HOME}", "a\\", "<<", "=", "a\r\n"),
)
typed = (
    st.sampled_from(LOOKS_LIKE_SOMETHING_ELSE)
    | st.text(alphabet="${}\\:a'\"?~#0 \n", max_size=8)
    | st.text()
)


def texts(section=Params, prefix="") -> dict[str, bool]:
    """Dotted keys of the fields for any text, and whether they may be None."""
    found: dict[str, bool] = {}
    hints = get_type_hints(section)
    for declared in fields(section):
        key, kind = f"{prefix}{declared.name}", hints[declared.name]
        if is_dataclass(kind):
            found |= texts(kind, f"{key}.")
        elif kind in (str, str | None) and "limit" not in declared.metadata:
            found[key] = kind is not str
    return found


TEXTS = texts() | {"fetch.files.musique": False, "fetch.datasets.musique.name": False}
del TEXTS["endpoint.url"]  # a rule holds it to addresses
assert {"fetch.folder", "model.source", "report.title"} < TEXTS.keys()
NO_FOLDER = re.compile(r"\s*|~.*|[./]*", re.DOTALL)
"""What `rules` refuse as `fetch.folder`, whatever it was read as."""


def fits(key, text):
    """Whether this text stays what it is, and `rules` let this field have it."""
    return text not in ("???", "null") and (key != "fetch.folder" or not NO_FOLDER.fullmatch(text))


def value_at(params, key):
    for name in key.split("."):
        params = params[name] if isinstance(params, dict) else getattr(params, name)
    return params


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("profiles")
    (made / "small.yaml").write_text("base: defaults\nfetch: {files: {hotpotqa: h.json}}\n")
    return made


def come_back(folder, wanted):
    """Every text of `wanted`, by the key of its field, survives the override and the file that is
    written.
    """
    target = folder / "out" / "params.yaml"
    overrides = [*(f"{key}={text}" for key, text in wanted.items()), "fetch.datasets.musique.split=train"]
    active = activate("small", overrides, folder, target)
    assert {key: value_at(active, key) for key in wanted} == wanted
    assert load_params(target) == active
    written = target.read_text(encoding="utf-8")
    for other in (
        yaml.safe_load(written),
        YAML(typ="safe").load(written),
    ):  # YAML 1.1, and 1.2, which DVC reads
        assert {key: value_at(other, key) for key in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, len(LOOKS_LIKE_SOMETHING_ELSE), len(TEXTS)))
def test_text_that_looks_like_something_else_stays_text(folder, start):
    wanted = dict(zip(TEXTS, LOOKS_LIKE_SOMETHING_ELSE[start : start + len(TEXTS)], strict=False))
    allowed = {key: text for key, text in wanted.items() if fits(key, text)}
    come_back(folder, {"fetch.datasets.musique.name": "name", **allowed})


@pytest.mark.slow
@settings(max_examples=settings().max_examples // 8)
@given(data=st.data())
def test_any_text_stays_as_it_was_typed(folder, data):
    come_back(folder, {key: data.draw(typed.filter(partial(fits, key)), label=key) for key in TEXTS})


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key, optional in TEXTS.items() if optional])
def test_null_is_none_where_a_field_may_be_none(folder, key):
    assert value_at(activate("small", [f"{key}=null"], folder, folder / "out.yaml"), key) is None
    assert value_at(load_params(folder / "out.yaml"), key) is None


def test_quotes_of_a_file_tell_a_text_from_none(folder):
    (folder / "other.yaml").write_text('base: small\nmodel: {source: ~}\nretrieval: {stopwords: "null"}\n')
    params = load_profile(folder / "other.yaml")
    assert (params.model.source, params.retrieval.stopwords) == (None, "null")


def test_text_that_cannot_be_written_is_refused(folder):
    with pytest.raises(ParamsError, match=r"fetch\.folder: '.*' is not Unicode text"):
        activate("small", ["fetch.folder=\udcff"], folder, folder / "out.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("train.steps=010", "train.steps", 10),  # not the octal number of YAML 1.1
        ("train.learning_rate=1e-4", "train.learning_rate", 1e-4),
        ("seed= 5", "seed", 5),
        ("environment.chat_template=no", "environment.chat_template", False),
        ("corpus.include_benchmarks=off", "corpus.include_benchmarks", False),
        ("rollout.retrieval_timeout=null", "rollout.retrieval_timeout", None),
        ("rollout.retrieval_timeout=7", "rollout.retrieval_timeout", 7.0),
        ("evaluate.questions=null", "evaluate.questions", None),
        ("index.measured_depths=[1, 02]", "index.measured_depths", [1, 2]),
        ("watch.trackers=[dvclive, wandb]", "watch.trackers", ["dvclive", "wandb"]),
        (
            "fetch.files={musique: 007, bamboogle: off}",
            "fetch.files",
            {"musique": "007", "bamboogle": "off"},
        ),
        ("fetch.files={}", "fetch.files", {}),
        ("fetch.files.musique=a", "fetch.files", {"hotpotqa": "h.json", "musique": "a"}),
        ("watch.guard={max_kl: 3, min_entropy: null}", "watch.guard.max_kl", 3.0),
        ("fetch.datasets={musique: {name: 1e3, split: null, config: null}}", "fetch.datasets", None),
    ],
)
def test_the_field_says_what_a_text_means(folder, override, key, value):
    if value is None and key == "fetch.datasets":
        with pytest.raises(ParamsError, match="all with name and split, or published"):
            activate("small", [override], folder, folder / "out.yaml")
        return
    assert value_at(activate("small", [override], folder, folder / "out.yaml"), key) == value
    assert value_at(load_params(folder / "out.yaml"), key) == value
