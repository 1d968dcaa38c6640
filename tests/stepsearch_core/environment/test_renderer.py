import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage
from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from tests import tiny

WORD, BPE = tiny.tokenizer("word"), tiny.tokenizer("bpe")


def renderer(tokenizer=WORD, **changes):
    return Renderer(tokenizer, tiny.environment(**changes))


def test_prompt_holds_the_whole_question_and_its_room_is_exact():
    ids = renderer().prompt("where lies oslo")
    assert WORD.decode(ids) == "Question : where lies oslo"
    assert len(ids) == 5
    assert renderer(max_turn_tokens=12, max_trajectory_tokens=17).prompt("where lies oslo") == ids
    with pytest.raises(
        DataError, match=r"max_trajectory_tokens.: a prompt of 5 tokens .* 4 are left .*where lies oslo"
    ):
        renderer(max_turn_tokens=12, max_trajectory_tokens=16).prompt("where lies oslo")


TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{% if add_generation_prompt %} [bot]{%"
    " endif %}"
)


@pytest.mark.parametrize("prompt", STYLES)
def test_prompt_through_a_chat_template(prompt):
    tokenizer = tiny.tokenizer("bpe", prompt=prompt)
    tokenizer.chat_template = TEMPLATE
    asked = STYLES[prompt].prompt.format(question="where lies oslo")
    for chat_template, expected in ((True, f"[user] {asked} [bot]"), (False, asked)):
        limits = {"max_observation_tokens": 400, "max_trajectory_tokens": 4096}
        said = renderer(tokenizer, prompt=prompt, chat_template=chat_template, **limits)
        assert tokenizer.decode(said.prompt("where lies oslo")) == expected


@pytest.mark.parametrize("prompt", STYLES)
def test_a_tokenizer_without_a_chat_template_is_refused(prompt):
    tokenizer = tiny.tokenizer("bpe", prompt=prompt)
    with pytest.raises(
        DataError, match=r"field 'environment\.chat_template': the tokenizer has no chat template"
    ):
        renderer(tokenizer, prompt=prompt, chat_template=True, max_observation_tokens=100)


def test_a_style_whose_tags_the_tokenizer_does_not_know_is_refused():
    with pytest.raises(
        DataError, match=r"field 'environment\.prompt': .* cannot write the tag <plan> .*'released'"
    ):
        renderer(WORD, prompt="released")
    renderer(BPE, prompt="released", max_observation_tokens=100)  # letter by letter, as published tokenizers


def test_a_turn_that_is_given_is_cut_where_a_sampled_one_would_be():
    ids = WORD.encode("where lies oslo", add_special_tokens=False)
    assert renderer().written("where  lies oslo", 3) == (ids, None, "where  lies oslo")  # as it was given
    assert renderer().written("where  lies oslo", 2) == (ids[:2], None, "where lies")


@pytest.mark.parametrize(("long_passages", "least"), [("cut", 2 + 3 + 8 + 3), ("skip", 2 + 3 + 1)])
def test_a_limit_that_could_show_nothing_is_refused(long_passages, least):
    # the tags, "Doc 1 :", the shortest excerpt and the mark ". . ."; or one word
    renderer(max_observation_tokens=least, long_passages=long_passages)
    with pytest.raises(
        DataError, match=rf"max_observation_tokens': {least - 1} would show nothing .* take {least}"
    ):
        renderer(max_observation_tokens=least - 1, long_passages=long_passages)


ADA, OSLO = Passage("a", "", "ada was born in oslo ."), Passage("b", "", "oslo lies in norway")
BOTH = "<information> Doc 1 : ada was born in oslo . Doc 2 : oslo lies in norway </information>"


@pytest.mark.parametrize("long_passages", ["cut", "skip"])
def test_observation_by_hand(long_passages):
    # 1 + (3 + 6) + (3 + 4) + 1 tokens, "Doc 1 :" before each passage of 6 and 4 words
    made = renderer(max_observation_tokens=18, long_passages=long_passages).observation([ADA, OSLO], room=18)
    assert (WORD.decode(made.ids), len(made.ids), made.shown, made.cut) == (BOTH, 18, (0, 1), ())
    for limit, room in (
        (17, 18),
        (18, 17),
    ):  # a cut of the second would leave less than the shortest excerpt
        made = renderer(max_observation_tokens=limit, long_passages=long_passages).observation(
            [ADA, OSLO], room
        )
        assert (made.shown, made.cut) == ((0,), ())
        assert WORD.decode(made.ids) == "<information> Doc 1 : ada was born in oslo . </information>"


def test_a_passage_that_does_not_fit_is_cut_and_ends_the_list():
    # limit 24: tags 2, "Doc 1 :" 3, mark 3, and so 16 words of text
    long = Passage("long", "", "oslo lies in norway . " + "oslo " * 30)
    made = renderer().observation([long, OSLO], room=100)
    assert (made.shown, made.cut) == ((0,), (0,))
    assert WORD.decode(made.ids) == (
        "<information> Doc 1 : oslo lies in norway . " + "oslo " * 11 + ". . . </information>"
    )
    assert len(made.ids) == 24
    made = renderer(max_observation_tokens=32).observation([OSLO, long, OSLO], room=100)
    assert (made.shown, made.cut) == ((0, 1), (1,))
    assert len(made.ids) == 32


def test_a_passage_that_does_not_fit_is_skipped_for_those_that_do():
    long = Passage("long", "", "oslo " * 30)
    made = renderer(long_passages="skip").observation([long, ADA, long, OSLO], room=100)
    assert (made.shown, made.cut) == ((1, 3), ())
    assert WORD.decode(made.ids) == BOTH  # numbered as they are shown


def test_a_heading_that_does_not_fit_hides_its_passage_only():
    titled = Passage("t", "oslo " * 30, "oslo")
    said = renderer(tiny.tokenizer("word", prompt="paper"), prompt="paper", max_observation_tokens=30)
    assert said.observation([titled, OSLO], room=100).shown == (1,)


@pytest.mark.parametrize("prompt", STYLES)
@pytest.mark.parametrize("tokenizer", ["word", "bpe"])
def test_every_search_shows_something_of_what_it_finds(prompt, tokenizer):
    tokenizer = tiny.tokenizer(tokenizer, prompt=prompt)
    shortest = next(
        limit
        for limit in range(1, 200)
        if not _refused(tokenizer, prompt=prompt, max_observation_tokens=limit)
    )
    said = renderer(tokenizer, prompt=prompt, max_observation_tokens=shortest)
    made = said.observation([Passage("long", "", "a " * 1500)], room=4000)
    assert (made.shown, made.cut) == ((0,), (0,))
    assert said.shown([Passage("long", "", "a " * 1500)]) == ["long"]


def _refused(tokenizer, **changes):
    try:
        renderer(tokenizer, **changes)
    except DataError:
        return True
    return False


@given(st.integers(-3, 20), st.booleans())
def test_invalid_notice_comes_whole_or_not_at_all(room, last_turn):
    text = "Invalid . Search or answer ." + (" Answer now ." if last_turn else "")
    ids = renderer().invalid_notice(room, last_turn)
    if room < (9 if last_turn else 6):
        assert ids is None
    else:
        assert WORD.decode(ids) == text


def test_what_is_encoded_twice_is_not_shared():
    said = renderer()
    said.encode("oslo lies in norway").clear()
    assert WORD.decode(said.encode("oslo lies in norway")) == "oslo lies in norway"
