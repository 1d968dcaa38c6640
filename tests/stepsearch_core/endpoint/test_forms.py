import re
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from stepsearch_core.endpoint.forms import LONGEST, line, not_blank


class Form(BaseModel):
    text: Annotated[str, not_blank, line(5)]


def test_the_schema_asks_for_a_short_line_and_another_text_is_read_too():
    schema = Form.model_json_schema()["properties"]["text"]
    assert schema.keys() == {"pattern", "title", "type"}
    assert re.fullmatch(schema["pattern"], "12345")
    assert not re.fullmatch(schema["pattern"], "123456")
    assert not re.fullmatch(schema["pattern"], "1\n2")
    assert Form.model_validate({"text": "1\n2 and more"}).text == "1\n2 and more"


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_text_is_refused(text):
    with pytest.raises(ValidationError, match="blank"):
        Form.model_validate({"text": text})


def test_longer_lines_cannot_be_asked_for():
    with pytest.raises(AssertionError):
        line(LONGEST + 1)
