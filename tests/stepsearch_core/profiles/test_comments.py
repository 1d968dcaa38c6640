import io

import pytest
from ruamel.yaml import YAML

from stepsearch_core.profiles.comments import comment_of, comments, put, set_comment

TEXT = """\
train:                             # a section
  steps: 5                         # how many
  epochs: 1
fetch:
  files: {}                        # by benchmark
  datasets:                        # at the hub
    musique: {name: m}             # the first
    hotpotqa:
      name: h                      # the second

# ---- the next part ----

report:
  title: page
"""


def edited(change) -> str:
    """TEXT after `change(mapping)`."""
    yaml, text = YAML(), io.StringIO()
    mapping = yaml.load(TEXT)
    change(mapping)
    yaml.dump(mapping, text)
    return text.getvalue()


def test_comments_of_all_values_by_their_key():
    assert comments(YAML().load(TEXT)) == {
        "train.steps": "how many",
        "train.epochs": "",
        "fetch.files": "by benchmark",
        "fetch.datasets": "at the hub",
        "report.title": "",
    }
    assert comment_of(YAML().load(TEXT), "train") == "# a section"


@pytest.mark.parametrize(
    ("section", "key", "line"),
    [
        ("train", "steps", "  steps: 5                         # how many"),
        ("train", "epochs", "  epochs: 1"),
        ("fetch", "files", "  files: {}                        # by benchmark"),
        ("fetch", "datasets", "  datasets:                        # at the hub"),
    ],
)
def test_a_comment_is_replaced_and_nothing_else(section, key, line):
    said = line.split("#")[0].rstrip()
    new = edited(lambda whole: set_comment(whole[section], key, "# new"))
    assert new == TEXT.replace(line, said.ljust(35) + "# new")
    none = edited(lambda whole: set_comment(whole[section], key, ""))
    assert none == TEXT.replace(line, said)


def test_what_follows_a_value_stays_where_it_is():
    assert edited(lambda whole: put(whole["fetch"], "datasets", {}, "# none")) == TEXT.replace(
        TEXT[TEXT.index("  datasets:") : TEXT.index("\n\n# ----")],
        "  datasets: {}                     # none",
    )


def test_a_mapping_in_place_of_a_value_is_followed_by_what_followed_that():
    block = YAML().load("a:\n  b: 1 # one\n  c: 2\n\n\nd: 3\n")["a"]

    def twice(whole):
        put(whole["fetch"], "datasets", 0, "")
        put(whole["fetch"], "datasets", block, "# back")

    assert edited(twice) == TEXT.replace(
        TEXT[TEXT.index("  datasets:") : TEXT.index("\n\n# ----")],
        "  datasets:                        # back\n    b: 1 # one\n    c: 2",
    )
