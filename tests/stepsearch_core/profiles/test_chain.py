import re

import pytest

from stepsearch_core.params import ParamsError
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.profiles.chain import load_profile, profile_files, profile_names, read_profile
from tests.profiles import whole


@pytest.fixture
def folder(tmp_path):
    """Profiles by name; `made(name=text)` adds more."""

    def made(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path

    made(
        small="base: defaults\nseed: 3\ntrain: {steps: 9, epochs: 2}\nfetch: {files: {musique: m}}\n",
        smaller="base: small\ntrain:\n  steps: 4\nfetch:\n  files: {hotpotqa: h}\n",
    )
    return made


def refusal(folder, name, overrides=None) -> str:
    with pytest.raises(ParamsError) as caught:
        read_profile(name, overrides, folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_names_are_sorted(folder):
    assert profile_names(folder()) == ["small", "smaller"]


def test_values_come_from_the_file_on_top_that_says_them(folder):
    params = read_profile("smaller", ["train.minibatches=2"], folder())
    assert params.profile == "smaller"
    assert (params.seed, params.train.steps, params.train.epochs, params.train.minibatches) == (3, 4, 2, 2)
    assert params.train.clip_range == load_profile(DEFAULTS).train.clip_range
    assert params.fetch.files == {"hotpotqa": "h"}  # a mapping of free keys is one value
    assert profile_files(folder() / "smaller.yaml") == [
        DEFAULTS,
        folder() / "small.yaml",
        folder() / "smaller.yaml",
    ]


def test_a_section_without_a_line_says_nothing(folder):
    made = folder(smallest="base: smaller\ntrain:\n#  steps: 1\nfetch:\n  world:\n")
    assert read_profile("smallest", None, made).train == read_profile("smaller", None, made).train


def test_a_file_without_a_base_is_whole_or_refused(folder):
    made = folder(own=whole("micro"), part="train: {steps: 3}\nprofile: part\n", top="base: own\nseed: 8\n")
    assert profile_files(made / "top.yaml") == [made / "own.yaml", made / "top.yaml"]
    assert read_profile("top", None, made).train == read_profile("own", None, made).train
    assert re.match(
        re.escape(f"{made / 'part.yaml'}: seed: missing (and ") + r"\d+ more\): ", refusal(made, "part")
    )


def test_an_unknown_profile_is_named_with_those_that_exist(folder):
    assert refusal(folder(), "huge") == f"{folder()}: no profile 'huge'; there are: small, smaller"


@pytest.mark.parametrize("base", ["huge", "../small", "[small]", "null", ""])
def test_an_unknown_base_is_named_with_those_that_exist(folder, base):
    made = folder(top=f"base: {base}\n")
    message = refusal(made, "top")
    assert message.startswith(f"{made / 'top.yaml'}: base: no profile ")
    assert message.endswith("there are: defaults, small, smaller, top")


def test_a_circle_of_bases_is_named(folder):
    made = folder(first="base: second\n", second="base: third\n", third="base: second\n", me="base: me\n")
    assert refusal(made, "first") == (
        f"{made / 'third.yaml'}: base: leads back to itself (first -> second -> third -> second)"
    )
    assert refusal(made, "me") == f"{made / 'me.yaml'}: base: leads back to itself (me -> me)"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("train: {stepz: 5}", "train.stepz: Key 'stepz' not in 'TrainParams'"),
        ("training: {steps: 5}", "training: Key 'training' not in 'Params'"),
        (
            "train: {steps: many}",
            "train.steps: Value 'many' of type 'str'",
        ),
        ("train: {steps: 0}", "train.steps: 0 is not at least 1"),
        ("train: 3", "train: expected parameters, found '3'"),
        ("train: [", "not YAML: "),
    ],
)
def test_the_file_of_the_chain_that_is_wrong_is_named(folder, line, problem):
    made = folder(broken=f"base: small\n{line}\n", top="base: broken\nseed: 5\n")
    assert refusal(made, "top").startswith(f"{made / 'broken.yaml'}: {problem}")


def test_what_several_files_have_wrong_is_said_at_once(folder):
    made = folder(broken="base: small\ntrain: {steps: 0}\n", top="base: broken\nseed: -5\n")
    assert refusal(made, "top", ["train.epochs=0"]) == (
        f"{made / 'top.yaml'}: seed: -5 is not at least 0; train.epochs: 0 is not at least 1;"
        f" {made / 'broken.yaml'}: train.steps: 0 is not at least 1"
    )
    overridden = refusal(made, "top", ["seed=1", "train.steps=-1"])
    assert overridden == f"{made / 'top.yaml'}: train.steps: -1 is not at least 1"


def test_rules_are_for_what_comes_out_of_all_files(folder):
    made = folder(
        broken="base: small\nmodel: {heads: 3, key_value_heads: 3}\n",
        mended="base: broken\nmodel: {hidden_size: 96}\n",
    )
    assert refusal(made, "broken") == (
        f"{made / 'broken.yaml'}: model.hidden_size: 128 is not a multiple of twice model.heads"
    )
    assert read_profile("mended", None, made).model.heads == 3
