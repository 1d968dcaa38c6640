from stepsearch_core.params.defaults import DEFAULTS
from stepsearch_core.profiles.comments import comments
from stepsearch_core.profiles.page import parameters_page
from stepsearch_core.profiles.text import load
from tests.import_graph import ROOT

PAGE = parameters_page(ROOT / "dvc.yaml")


def test_the_page_in_docs_is_the_one_that_is_made():
    remedy = "`stepsearch params > docs/parameters.md` writes it anew"
    assert (ROOT / "docs" / "parameters.md").read_text() == PAGE + "\n", remedy


def test_every_parameter_has_one_row():
    rows = [line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(comments(load(DEFAULTS)))


def test_a_row_says_type_limits_default_and_meaning():
    assert "| `train.zero_stage` | int | at least 0 and at most 3 | `0` | DeepSpeed ZeRO, 0-3 |" in PAGE
    assert (
        "| `evaluate.questions` | int \\| null | at least 1 | `250` | of each benchmark at most; null: all |"
        in PAGE
    )
    assert (
        "| `train.dual_clip` | float \\| null | above 1 | `null` | most that a token of negative advantage"
        in PAGE
    )


def test_a_section_says_who_reads_it():
    readers = {}
    for part in PAGE.split("\n## ")[1:]:
        readers[part.split("\n")[0]] = part.split("Makes stale: ")[1].split(".\n")[0]
    assert readers["tokenizer"] == "synthesize, warmstart"
    assert readers["fetch.world"] == "fetch"
    assert readers["hardware"] == "no stage"
