import pytest

from stepsearch_core.environment.prompts import STYLES


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
