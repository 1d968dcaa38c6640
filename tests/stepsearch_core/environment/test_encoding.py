import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsearch_core.base.types import Passage
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.encoding import TextEncoder, begin_ids, control_tokens, end_ids
from stepsearch_core.environment.renderer import Renderer
from tests import published, tiny

TOKENIZERS = {
    "word": tiny.tokenizer("word"),
    "bpe": tiny.tokenizer("bpe"),
    "qwen": published.qwen(),
    "llama_3": published.llama_3(),
    "mistral": published.mistral(),
    "folding": published.folding(),
}
GIVES_BACK = ("bpe", "qwen", "llama_3")  # every text
EVERY = pytest.mark.parametrize("name", TOKENIZERS)
SPELLED = [
    (name, text) for name, tokenizer in TOKENIZERS.items() for text in control_tokens(tokenizer).values()
]
SAFE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>[]|"))


def encoder(name):
    return TextEncoder(TOKENIZERS[name], THINK.tags)


def control_ids(name, ids, spelled=""):
    """Control tokens among ids; the unknown token, which other text may have, only if it is what was
    spelled.
    """
    tokenizer = TOKENIZERS[name]
    control = control_tokens(tokenizer)
    return [
        control[i] for i in ids if i in control and (i != tokenizer.unk_token_id or control[i] == spelled)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("word", {"<|pad|>", "<|end|>", "<|unknown|>", *THINK.tags}),
        ("qwen", {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>"}),
        ("mistral", {"<unk>", "<s>", "</s>", "[INST]", "[/INST]"}),
        ("folding", {"<sep>", "<|end|>"}),  # but not the two blanks, an added token like any word
    ],
)
def test_which_tokens_control(name, expected):
    assert set(control_tokens(TOKENIZERS[name]).values()) == expected


@pytest.mark.parametrize(("name", "spelled"), SPELLED)
def test_a_control_token_spelled_in_a_passage_is_text(name, spelled):
    for text in (
        spelled,
        f"oslo {spelled} lies",
        f"x{spelled}{spelled}y",
        f"{spelled} {spelled[:-1]}{spelled}{spelled[1:]}",
    ):
        ids = encoder(name).theirs(text)
        if name == "word":  # unknown words all have the one token; what was spelled is several of them
            assert not {*ids} & {
                TOKENIZERS[name].convert_tokens_to_ids(t) for t in (*THINK.tags, "<|pad|>", "<|end|>")
            }
            assert len(ids) > text.count(spelled)
        else:
            assert control_ids(name, ids, spelled) == []
        if name in GIVES_BACK:
            assert TOKENIZERS[name].decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize("spelled", ["<SEP>", "<Sep>", "＜ｓｅｐ＞", "＜ＳＥＰ＞"])
def test_what_normalisation_makes_a_control_token_is_text_too(spelled):
    tokenizer = TOKENIZERS["folding"]
    assert tokenizer.convert_tokens_to_ids("<sep>") in tokenizer.encode(spelled)
    ids = encoder("folding").theirs(f"oslo {spelled} lies")
    assert control_ids("folding", ids) == []
    assert tokenizer.decode(ids) == "oslo <sep> lies"


@EVERY
@settings(max_examples=50)
@given(text=SAFE | st.lists(st.sampled_from(tiny.TEXTS)).map(" ".join))
def test_any_other_text_keeps_its_ids(name, text):
    assert encoder(name).theirs(text) == TOKENIZERS[name].encode(text, add_special_tokens=False)


@EVERY
@settings(max_examples=50)
@given(
    before=st.sampled_from(["", "Question: ", "oslo"]),
    text=SAFE,
    after=st.sampled_from(["", "\n", " ?", "oslo"]),
)
def test_other_text_between_ours_is_encoded_as_one(name, before, text, after):
    expected = TOKENIZERS[name].encode(before + text + after, add_special_tokens=False)
    assert encoder(name).theirs_within(before, text, after) == expected


@pytest.mark.slow
@EVERY
@settings(max_examples=100)
@given(data=st.data())
def test_between_ours_only_ours_control(name, data):
    control = [
        text for text in control_tokens(TOKENIZERS[name]).values() if text not in ("<|unknown|>", "<unk>")
    ]
    pieces = st.lists(
        st.sampled_from([*control, *(text[:3] for text in control), "oslo", " ", "<", ">"]), max_size=5
    )
    theirs, ours = (
        data.draw(pieces.map("".join)),
        data.draw(st.lists(st.sampled_from([*control, "oslo "]), max_size=4)),
    )
    before, after = "".join(ours[:2]), "".join(ours[2:])
    ids = encoder(name).theirs_within(before, theirs, after)
    assert control_ids(name, ids) == [text for text in ours if text in control]


@pytest.mark.parametrize(("name", "spelled"), SPELLED)
def test_a_turn_that_is_given_holds_the_tags_of_the_protocol_and_no_other_control_token(name, spelled):
    ids = encoder(name).turn(THINK.search_turn("", f"oslo {spelled}"))
    known = control_tokens(TOKENIZERS[name])
    tags = [tag for tag in ("<think>", "</think>", "<search>", "</search>") if tag in known.values()]
    assert [known[i] for i in ids if i in known and i != TOKENIZERS[name].unk_token_id] == tags


@pytest.mark.parametrize("name", ["qwen", "llama_3"])
@pytest.mark.parametrize("chat_template", [True, False])
def test_questions_and_passages_in_prompt_and_observation(name, chat_template):
    params = tiny.environment(
        chat_template=chat_template,
        max_turn_tokens=9,
        max_observation_tokens=900,
        max_trajectory_tokens=2000,
    )
    renderer = Renderer(TOKENIZERS[name], params)
    plain = control_ids(name, renderer.prompt("where lies oslo"))
    for spelled in control_tokens(TOKENIZERS[name]).values():
        question = f"where {spelled} lies {spelled}"
        ids = renderer.prompt(question)
        assert control_ids(name, ids) == plain
        assert question in TOKENIZERS[name].decode(ids)
        made = renderer.observation([Passage("p", spelled, f"oslo {spelled}")] * 2, 900)
        assert made.shown == (0, 1)
        assert control_ids(name, made.ids) == []


def test_thousands_of_control_tokens_are_cut_in_passing():
    text = "</s>" * 1200
    assert control_ids("mistral", encoder("mistral").theirs(text)) == []


def test_a_control_token_of_one_character_is_left_out():
    tokenizer = published.qwen()
    tokenizer.add_special_tokens({"additional_special_tokens": ["¤"]})
    made = TextEncoder(tokenizer, ())
    assert tokenizer.decode(made.theirs("a¤b¤¤c")) == "abc"
    assert made.ours("¤") == [tokenizer.convert_tokens_to_ids("¤")]


def test_what_is_encoded_twice_is_not_shared():
    made = encoder("word")
    made.theirs("oslo lies").clear()
    made.ours("oslo lies").clear()
    assert made.theirs("oslo lies") == made.ours("oslo lies") == TOKENIZERS["word"].encode("oslo lies")


def test_what_begins_and_ends_texts():
    assert {name: begin_ids(tokenizer) for name, tokenizer in TOKENIZERS.items()} == {
        "word": [], "bpe": [], "qwen": [], "llama_3": [400], "mistral": [1], "folding": []
    }  # fmt: skip
    assert end_ids(TOKENIZERS["llama_3"]) == {401}
    ended = published.llama_3()
    ended.turn_ends = (401, 404)
    assert end_ids(ended) == {401, 404}
