import logging
from dataclasses import replace

import pytest

from stepsearch_core.base.errors import DataError
from stepsearch_core.environment.questions import TOO_LONG_SHARE, those_that_fit
from stepsearch_core.environment.renderer import Renderer
from tests import tiny

LONG = replace(tiny.ADA, id="long", question="where lies " + "oslo " * 200)
RENDERER = Renderer(tiny.tokenizer(), tiny.ENVIRONMENT)


def test_a_few_questions_that_are_too_long_are_left_out_and_said(caplog):
    given = [tiny.ADA, LONG, *[tiny.BOB] * 18]
    with caplog.at_level(logging.WARNING):
        assert those_that_fit(given, RENDERER) == [tiny.ADA, *[tiny.BOB] * 18]
    assert "1 of 20 questions do not fit: 116 tokens are left" in caplog.text
    assert "the longest has 204" in caplog.text


def test_too_many_are_an_error_before_any_work():
    given = [LONG, *[tiny.ADA] * int(1 / TOO_LONG_SHARE - 2)]
    with pytest.raises(
        DataError, match=r"environment\.max_trajectory_tokens': 1 of 19 questions do not fit"
    ):
        those_that_fit(given, RENDERER)


def test_what_fits_is_said_before_it_is_asked():
    assert not RENDERER.fits(LONG.question)
    assert RENDERER.prompt_length(LONG.question) == 204
    assert RENDERER.fits(tiny.ADA.question)
    assert (
        RENDERER.prompt_length(tiny.ADA.question)
        == len(RENDERER.prompt(tiny.ADA.question))
        < RENDERER.prompt_room
    )
    assert those_that_fit([], RENDERER) == []
