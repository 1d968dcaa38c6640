import re

import pytest

from stepsearch_core.params import ParamsError, load_params
from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.profiles.chain import load_profile, profile_files
from stepsearch_core.profiles.text import whole_text

BELOW = """# what lies below

base: defaults

train:   # its section
  steps: 9  # as below
  epochs: 2  # passes, as below
  clip_range: 0.25
  # a remark of its own line
  max_grad_norm: 1.0   # so that it is said
fetch:
  files:  # three of them
    musique: m.jsonl  # the first
    corpus: "007"

  max_dropped_rows: 3
"""
TOP = """# what lies on top,
# in two lines

base: below
train:
  steps: 4
  epochs: 3  # passes, as on top
report: {title: a title that is longer than the column in which comments begin}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below.yaml").write_text(BELOW)
    (tmp_path / "top.yaml").write_text(TOP)
    return tmp_path


def written(folder, name, *overrides) -> str:
    path = folder / f"{name}.yaml"
    text = whole_text(profile_files(path), load_profile(path, overrides), overrides)
    (folder / "out.txt").write_text(text)
    assert load_params(folder / "out.txt") == load_profile(path, overrides)
    return text


def line(text, key) -> str:
    """The one line of this key in the section `train`."""
    section = re.search(r"\ntrain:.*?\n\n", text, re.DOTALL).group()
    (found,) = re.findall(rf"\n  ({key}: .*)", section)
    return found


def test_the_base_of_all_is_written_as_it_stands(tmp_path):
    (tmp_path / "same.yaml").write_text("base: defaults\n")
    ours, base = written(tmp_path, "same").splitlines(), DEFAULTS.read_text().splitlines()
    start = base.index("") + 1  # after the comment on top
    name = base[start].replace("defaults", "same    ")
    assert ours[:3] == ["# Written by: stepsearch profile same", "", name]
    assert ours[3:] == base[start + 1 :]


@pytest.mark.slow
def test_a_comment_goes_with_its_value(folder):
    below, top = written(folder, "below"), written(folder, "top")
    assert line(below, "steps") == "steps: 9                         # as below"
    assert line(top, "steps") == "steps: 4                         # of sampling and learning"  # what it is
    assert line(top, "epochs") == "epochs: 3                        # passes, as on top"
    for text in (below, top):
        assert line(text, "clip_range").startswith("clip_range: 0.25                 # of the ratio")
        assert line(text, "max_grad_norm") == "max_grad_norm: 1.0               # so that it is said"
        assert "\ntrain:                             # its section\n" in text
        assert "remark" not in text


def test_a_mapping_of_free_keys_comes_with_its_own_comments_and_no_blank_lines(folder):
    assert (
        "  files:                           # three of them\n"
        "    musique: m.jsonl  # the first\n"
        '    corpus: "007"\n'
        "  datasets: {} "
    ) in written(folder, "top")


def test_a_long_value_pushes_its_comment(folder):
    assert "comments begin # of the page\n" in written(folder, "top")


@pytest.mark.slow
def test_what_is_overridden_is_named_and_keeps_what_it_is(folder):
    text = written(folder, "top", "train.epochs=5", "train.clip_range=1e-5", "fetch.files.musique=a b")
    assert text.splitlines()[:5] == [
        "# Written by: stepsearch profile top train.epochs=5 train.clip_range=1e-5 fetch.files.musique=a b",
        "#",
        "# what lies on top,",
        "# in two lines",
        "",
    ]
    assert line(text, "epochs") == "epochs: 5                        # passes over a step's trajectories"
    assert line(text, "clip_range").startswith("clip_range: 1.0e-05              # of the ratio")
    assert (
        "  files:                           # benchmark -> file name; also NAME_train, corpus,"
        ' documents\n    musique: "a b"\n'
    ) in text
    assert text.count("\n") == written(folder, "top").count("\n")


def test_an_override_that_changes_nothing_leaves_the_comment(folder):
    assert line(written(folder, "top", "train.epochs=3"), "epochs").endswith("# passes, as on top")


def test_an_override_on_several_lines_stays_a_comment(folder):
    assert written(folder, "top", "report.title=a\nb").startswith(
        "# Written by: stepsearch profile top 'report.title=a\\nb'\n#\n"
    )


def test_plain_text_that_looks_like_a_number_is_the_same_text_for_dvc(folder):
    """The schema tells them apart, which DVC does not know."""
    (folder / "odd.yaml").write_text("base: top\nfetch: {folder: 007}\nenvironment: {chat_template: off}\n")
    text = written(folder, "odd")
    assert '\n  folder: "007" ' in text
    assert "\n  chat_template: false " in text


def test_text_that_dvc_would_read_as_an_impossible_date_is_refused(folder):
    (folder / "odd.yaml").write_text("base: top\nreport: {title: 2026-13-45}\n")
    with pytest.raises(ParamsError, match=r"odd\.yaml: not YAML 1\.2: month must be in 1\.\.12"):
        written(folder, "odd")
