import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsearch_core.environment.prompts import STYLES
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.io import DataError
from stepsearch_core.types import Passage
from tests import tiny

WORD, BPE = tiny.tokenizer("word"), tiny.tokenizer("bpe")
PASSAGES = st.lists(st.integers(0, 30).map(lambda words: Passage(str(words), "", "oslo " * words)), max_size=5)


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


def test_prompt_through_a_chat_template():
    tokenizer = tiny.tokenizer("bpe")
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}{% if add_generation_prompt %} [bot]{% endif %}"  # noqa: E501
    ids = renderer(tokenizer, chat_template=True).prompt("where lies oslo")
    assert tokenizer.decode(ids) == "[user] Question : where lies oslo [bot]"


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


@pytest.mark.parametrize("tokenizer", [WORD, BPE], ids=["word", "bpe"])
@pytest.mark.parametrize("prompt", ["minimal", "paper"])
def test_observations_keep_to_their_limits(tokenizer, prompt):
    opening, closing = (tokenizer.convert_tokens_to_ids(f"<{slash}information>") for slash in ("", "/"))
    notice = tokenizer.encode(STYLES[prompt].last_turn_notice, add_special_tokens=False)

    @given(PASSAGES, st.integers(-5, 90), st.integers(2, 60), st.booleans())
    def check(passages, room, limit, last_turn):
        said = renderer(tokenizer, max_observation_tokens=limit, prompt=prompt)
        after = notice if last_turn else []
        result = said.observation(passages, room, last_turn)
        if result is None:
            assert room < 2 + len(after)
            return
        ids, shown = result
        documents = [
            said.encode(said.style.document.format(rank=rank, title="", text=passage.text))
            for rank, passage in enumerate(passages, start=1)
        ]
        assert ids == [opening, *itertools.chain(*documents[:shown]), closing, *after]
        assert len(ids) <= room
        assert len(ids) - len(after) <= limit
        if shown < len(passages):  # one more would have been too many
            longer = len(ids) + len(documents[shown])
            assert longer > room or longer - len(after) > limit

    check()


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
