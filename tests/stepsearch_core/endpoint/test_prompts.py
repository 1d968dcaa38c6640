import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.endpoint.prompts import read_prompt


def test_one_s_own_or_the_one_that_comes_along(tmp_path):
    usual, own = tmp_path / "usual.md", tmp_path / "own.md"
    usual.write_text("usual")
    own.write_text("own")
    assert read_prompt(None, usual, "k") == "usual"
    assert read_prompt(str(own), usual, "k") == "own"


@pytest.mark.parametrize(("content", "problem"), [(b" \n", "holds nothing"), (b"\xff", "cannot be read")])
def test_what_is_no_prompt(tmp_path, content, problem):
    bad = tmp_path / "bad.md"
    bad.write_bytes(content)
    with pytest.raises(DataError, match=f"bad.md: field 'a.b': {problem}"):
        read_prompt(str(bad), bad, "a.b")
    with pytest.raises(DataError, match="cannot be read"):
        read_prompt(str(tmp_path / "none.md"), bad, "a.b")
