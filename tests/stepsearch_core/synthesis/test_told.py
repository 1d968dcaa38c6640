import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.synthesis.told import PROMPTS, WORKS, told


def test_each_work_has_a_file_of_ours():
    assert WORKS == ("answer", "keys", "linked", "steps")
    for work in WORKS:
        assert told(work, None) == (PROMPTS / f"{work}.md").read_text("utf-8")
        assert "JSON" in told(work, None)


def test_a_folder_of_ones_own_may_have_some_of_them(tmp_path):
    (tmp_path / "steps.md").write_text("Schreibe Schritte.")
    assert told("steps", str(tmp_path)) == "Schreibe Schritte."
    assert told("keys", str(tmp_path)) == told("keys", None)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "field 'synthesize.prompts': holds none of answer.md, keys.md, linked.md, steps.md"),
        ({"key.md": "x"}, "key.md: field 'synthesize.prompts': is none of answer.md, keys.md"),
        ({"keys.md": " \n"}, "keys.md: field 'synthesize.prompts': holds nothing"),
    ],
)
def test_a_folder_that_would_be_ignored_is_refused(tmp_path, files, problem):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=problem.replace(".", r"\.")):
        told("keys", str(tmp_path))


def test_no_such_folder(tmp_path):
    with pytest.raises(DataError, match="holds none of"):
        told("keys", str(tmp_path / "no"))
