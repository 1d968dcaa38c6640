import pytest

from stepsearch_core.environment.prompts import STYLES, style_of
from stepsearch_core.params import EnvironmentParams


@pytest.mark.parametrize("name", STYLES)
def test_every_style_asks_the_question_and_shows_documents(name):
    style = STYLES[name]
    assert style.prompt.format(question="Who {wrote} it?").count("Who {wrote} it?") == 1
    document = style.document.format(rank=3, title="Oslo", text="A {city}.")
    assert "3" in document
    assert "A {city}." in document


@pytest.mark.parametrize("name", STYLES)
def test_a_tokenizer_trained_on_the_vocabulary_meets_every_word_of_the_environment(name):
    """Up to ten documents an observation, the notices and the mark of a cut."""
    style = STYLES[name]
    met = {word for text in style.vocabulary() for word in text.split()}
    for rank in range(1, 11):
        assert set(style.document.format(rank=rank, title="", text="").split()) <= met
    said = (style.prompt.format(question=""), style.invalid_notice, style.last_turn_notice, style.cut_mark)
    assert {word for text in said for word in text.split()} <= met


@pytest.mark.parametrize("name", STYLES)
def test_without_searches_nobody_is_told_to_search(name):
    params = EnvironmentParams(prompt=name, max_searches=0)
    asked = style_of(params).prompt
    assert asked.format(question="Who {wrote} it?").count("Who {wrote} it?") == 1
    assert "<search>" not in asked
    assert ("<answer>" in asked) == (name != "minimal")
    params.max_searches = 1
    assert style_of(params) == STYLES[name]


def test_a_protocol_s_texts_take_the_place_of_the_style_s():
    style = style_of(EnvironmentParams(prompt="released", protocol="ircot"))
    assert style.last_turn_notice == "\nSo the answer is:"
    assert (style.document, style.opening) == (STYLES["released"].document, STYLES["released"].opening)
    direct = style_of(EnvironmentParams(prompt="paper", protocol="direct", max_searches=0))
    assert direct.prompt == style_of(EnvironmentParams(prompt="released", protocol="direct")).prompt
