import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.io import DataError
from stepsearch_core.types import Passage
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
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{% if add_generation_prompt %} [bot]{% endif %}"
)


@pytest.mark.parametrize("prompt", STYLES)
def test_prompt_through_a_chat_template(prompt):
    tokenizer = tiny.tokenizer("bpe", prompt=prompt)
    tokenizer.chat_template = TEMPLATE
    asked = STYLES[prompt].prompt.format(question="where lies oslo")
    for chat_template, expected in ((True, f"[user] {asked} [bot]"), (False, asked)):
        said = renderer(tokenizer, prompt=prompt, chat_template=chat_template, max_trajectory_tokens=4096)
        assert tokenizer.decode(said.prompt("where lies oslo")) == expected


@pytest.mark.parametrize("prompt", STYLES)
def test_a_tokenizer_without_a_chat_template_is_refused(prompt):
    tokenizer = tiny.tokenizer("bpe", prompt=prompt)
    with pytest.raises(DataError, match=r"field 'environment\.chat_template': the tokenizer has no chat template"):
        renderer(tokenizer, prompt=prompt, chat_template=True, max_observation_tokens=60)


def test_a_style_whose_tags_the_tokenizer_does_not_know_is_refused():
    with pytest.raises(DataError, match=r"field 'environment\.prompt': .* cannot write the tag <plan> .*'released'"):
        renderer(WORD, prompt="released")
    renderer(BPE, prompt="released", max_observation_tokens=60)  # letter by letter, as published tokenizers


def test_a_turn_that_is_given_is_cut_where_a_sampled_one_would_be():
    ids = WORD.encode("where lies oslo", add_special_tokens=False)
    assert renderer().written("where  lies oslo", 3) == (ids, None, "where  lies oslo")  # as it was given
    assert renderer().written("where  lies oslo", 2) == (ids[:2], None, "where lies")


def test_an_observation_that_cannot_hold_its_tags_is_refused():
    renderer(max_observation_tokens=2)
    with pytest.raises(DataError, match=r"field 'environment\.max_observation_tokens': 1 do not hold the 2 tokens"):
        renderer(max_observation_tokens=1)


def test_observation_by_hand():
    # 1 + (3 + 6) + (3 + 4) + 1 tokens, "Doc 1 :" before each passage of 6 and 4 words
    passages = [Passage("a", "", "ada was born in oslo ."), Passage("b", "", "oslo lies in norway")]
    ids, shown = renderer(max_observation_tokens=18).observation(passages, room=18)
    assert (len(ids), shown) == (18, 2)
    assert WORD.decode(ids) == (
        "<information> Doc 1 : ada was born in oslo . Doc 2 : oslo lies in norway </information>"
    )
    for limits in ({"max_observation_tokens": 17, "room": 18}, {"max_observation_tokens": 18, "room": 17}):
        room = limits.pop("room")
        ids, shown = renderer(**limits).observation(passages, room)
        assert shown == 1
        assert WORD.decode(ids) == "<information> Doc 1 : ada was born in oslo . </information>"


def test_the_first_passage_that_does_not_fit_ends_the_list():
    passages = [Passage("long", "", "oslo " * 30), Passage("short", "", "oslo")]
    ids, shown = renderer().observation(passages, room=100)
    assert (WORD.decode(ids), shown) == ("<information> </information>", 0)


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
