"""Chat templates taken apart, and episodes within them."""

import pytest
from transformers import AutoTokenizer

from stepsearch_core.base.errors import DataError
from stepsearch_core.base.types import Passage
from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.chat import chat_of, end_of_turn, writes_a_date
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.policy.tokenizers import prepare
from tests import published, tiny

INVALID, LAST = "Invalid . Search or answer .", "Answer now ."
FAMILIES = {"chatml": published.qwen, "llama_3": published.llama_3, "llama_2": published.mistral}
ENDS = {"chatml": "<|im_end|>", "llama_3": "<|eot_id|>", "llama_2": "</s>"}
EVERY = pytest.mark.parametrize("name", FAMILIES)


def episode(tokenizer, **changes):
    params = tiny.environment(
        chat_template=True,
        max_turn_tokens=90,
        max_observation_tokens=300,
        max_trajectory_tokens=3000,
        **changes,
    )
    return Episode(tiny.ADA, 0, Renderer(prepare(tokenizer), params))


def write(playing, tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    return playing.act(ids, [-1.0] * len(ids), tokenizer.decode(ids, skip_special_tokens=True))


def rendered(tokenizer, *turns):
    talk = [
        {"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(turns)
    ]
    return tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)


@EVERY
def test_how_turns_end(name):
    tokenizer = FAMILIES[name]()
    token, _, text = end_of_turn(tokenizer)
    assert (tokenizer.convert_ids_to_tokens(token), text) == (ENDS[name], ENDS[name])


@EVERY
def test_a_notice_after_a_closed_turn_is_a_turn_of_the_user(name):
    """The whole context is what the template itself writes for such a talk, token by token."""
    tokenizer = FAMILIES[name]()
    playing = episode(tokenizer, max_searches=1)
    turn = " hm" if name == "llama_2" else "hm"  # its template writes blanks around an assistant's words
    end = f" {ENDS[name]}" if name == "llama_2" else ENDS[name]
    write(playing, tokenizer, turn + end)
    playing.observe(None)
    asked = f"Question : {tiny.ADA.question}"
    expected = rendered(tokenizer, asked, "hm", f"{INVALID}{LAST}")
    assert tokenizer.decode(playing.trajectory.token_ids) == tokenizer.decode(
        tokenizer.encode(expected, add_special_tokens=False)
    )
    write(playing, tokenizer, "<think> </think> <answer> norway </answer>")
    assert playing.trajectory.answer == "norway"


def test_another_token_that_ends_turns_is_followed_by_the_templates_own():
    tokenizer = published.qwen()
    params = tiny.environment(
        chat_template=True, max_turn_tokens=90, max_observation_tokens=300, max_trajectory_tokens=3000
    )
    both = prepare(tokenizer, [403, 405])
    playing = Episode(tiny.ADA, 0, Renderer(both, params))
    write(playing, tokenizer, "hm<|endoftext|>")
    playing.observe(None)
    assert tokenizer.decode(playing.new_tokens) == (
        f"<|im_end|>\n<|im_start|>user\n{INVALID}<|im_end|>\n<|im_start|>assistant\n"
    )


@EVERY
def test_a_notice_after_a_turn_that_was_cut_stays_in_the_turn(name):
    tokenizer = FAMILIES[name]()
    playing = episode(tokenizer)
    write(playing, tokenizer, "hm")
    playing.observe(None)
    assert tokenizer.decode(playing.new_tokens).strip() == INVALID


def test_without_a_template_a_notice_follows_the_end_of_text():
    tokenizer = published.qwen()
    renderer = Renderer(tokenizer, tiny.environment(max_trajectory_tokens=3000, max_turn_tokens=90))
    playing = Episode(tiny.ADA, 0, renderer)
    write(playing, tokenizer, "hm<|im_end|>")
    playing.observe(None)
    assert tokenizer.decode(playing.new_tokens) == INVALID


@pytest.mark.parametrize("chat_template", [True, False])
@pytest.mark.parametrize(
    ("name", "begin"), [("llama_3", "<|begin_of_text|>"), ("llama_2", "<s>"), ("chatml", None)]
)
def test_a_prompt_begins_once_with_what_begins_a_text(name, begin, chat_template):
    tokenizer = FAMILIES[name]()
    params = tiny.environment(
        chat_template=chat_template, max_observation_tokens=300, max_trajectory_tokens=3000
    )
    prompt = Renderer(tokenizer, params).prompt(tiny.ADA.question)
    if begin is None:
        assert tokenizer.decode(prompt).startswith(
            "<|im_start|>user" if chat_template else "Question : where"
        )
        return
    token = tokenizer.convert_tokens_to_ids(begin)
    assert [place for place, other in enumerate(prompt) if other == token] == [0]
    text = tokenizer.decode(prompt, skip_special_tokens=True)
    assert tiny.ADA.question in text


def test_a_template_that_does_not_begin_the_text_is_begun():
    tokenizer = published.llama_3()
    tokenizer.chat_template = published.LLAMA_3.replace("{{ bos_token }}", "")
    params = tiny.environment(chat_template=True, max_observation_tokens=300, max_trajectory_tokens=3000)
    prompt = Renderer(tokenizer, params).prompt("oslo")
    assert tokenizer.convert_ids_to_tokens(prompt[:2]) == ["<|begin_of_text|>", "<|start_header_id|>"]


def test_the_first_turn_goes_on_with_the_thought_that_the_template_has_opened():
    tokenizer = published.qwen(published.THINKING)
    playing = episode(tokenizer, max_searches=3)
    assert tokenizer.decode(playing.new_tokens).endswith("<|im_start|>assistant\n<think>\n")
    action = write(playing, tokenizer, "where was ada born?\n</think>\n\n<search> ada born </search>")
    assert (action.kind, action.text, action.has_think) == ("search", "ada born", True)
    playing.observe([Passage("p", "", "ada was born in oslo .")])
    assert playing.opened == ""  # the policy opens the next thought itself
    action = write(playing, tokenizer, "<think> hm </think> <search> oslo </search>")
    assert (action.kind, action.text) == ("search", "oslo")
    playing.observe([])
    assert write(playing, tokenizer, "hm</think> <search> oslo </search><|im_end|>").kind == "invalid"
    playing.observe(None)  # the policy has closed its turn, so the template opens another thought
    assert tokenizer.decode(playing.new_tokens).endswith("<|im_start|>assistant\n<think>\n")
    assert write(playing, tokenizer, "so </think> <answer> norway </answer>").text == "norway"


def test_a_thought_is_not_opened_twice_in_turns_that_are_given():
    playing = episode(published.qwen(published.THINKING))
    given = THINK.search_turn("hm", "oslo", 0, playing.opened)
    assert given == "hm </think> <search> oslo </search>"
    assert THINK.answer_turn("hm", "oslo", 0, "<think>") == " hm </think> <answer> oslo </answer>"
    assert THINK.answer_turn("", "oslo", 0, "<think>\n") == " </think> <answer> oslo </answer>"


def test_a_thought_that_the_style_does_not_know_is_refused():
    params = tiny.environment(chat_template=True, prompt="released", max_observation_tokens=300)
    with pytest.raises(
        DataError, match=r"field 'environment\.prompt': the chat template opens '<think>', .*'released'"
    ):
        Renderer(published.qwen(published.THINKING), params)


DATED = (
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nToday Date: {{ date_string }}<|eot_id|>"
)
"""How the templates of Llama 3.1 and 3.2 begin."""


def test_a_template_that_writes_the_date_writes_the_same_one_on_every_day():
    tokenizer = published.llama_3()
    assert not writes_a_date(tokenizer)
    tokenizer.chat_template = published.LLAMA_3.replace("{{ bos_token }}", DATED)
    assert "Today Date: 26 Jul 2024<|eot_id|>" in chat_of(tokenizer, "{question}").before_question
    assert writes_a_date(tokenizer)
    params = tiny.environment(chat_template=True, max_observation_tokens=300, max_trajectory_tokens=3000)
    assert "26 Jul 2024" in tokenizer.decode(Renderer(tokenizer, params).prompt("oslo"))


@pytest.mark.parametrize("ending", ["<think>\n\n</think>\n\n", "<|think|>", "of <thinking> and"])
def test_what_is_closed_or_no_tag_is_not_opened(ending):
    tokenizer = published.qwen(
        published.CHATML.replace("assistant\n{% endif", f"assistant\n{ending}{{% endif")
    )
    assert chat_of(tokenizer, "{question}").opened == ""


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ raise_exception('no users') }}", "fails for messages of user: no users"),
        ("{% for m in messages %}{{ m.content", "fails for messages of user: "),
        ("{% for m in messages %}{{ m.content | lower }}{% endfor %}", "does not write the user's question"),
        (
            "{% for m in messages %}{{ m.content * 2 }}{% endfor %}",
            "does not write the user's question once",
        ),
        (
            "{% if messages | length > 1 %}{{ raise_exception('one turn only') }}{% endif %}"
            + published.CHATML,
            "fails for messages of user, assistant, user: one turn only",
        ),
        (
            published.CHATML.replace("m.content", "'' if m.role == 'assistant' else m.content"),
            "does not write what the assistant said before once, as it was given",
        ),
        (
            published.CHATML.replace("for m in messages", "for m in messages[:2]"),
            "does not write what the user says after the assistant once",
        ),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(template, problem):
    with pytest.raises(
        DataError, match=rf"field 'environment\.chat_template': the tokenizer's chat template {problem}"
    ):
        chat_of(published.qwen(template), "Question : {question}")


def test_the_file_of_a_template_that_fails_is_named(tmp_path):
    published.qwen("{{ raise_exception('no users') }}").save_pretrained(tmp_path)
    with pytest.raises(
        DataError, match=rf"chat template \({tmp_path}/chat_template\.jinja\) fails"
    ) as caught:
        chat_of(AutoTokenizer.from_pretrained(tmp_path), "{question}")
    assert "\n" not in str(caught.value)


@EVERY
@pytest.mark.parametrize("last_turn", [True, False])
def test_a_notice_after_a_closed_turn_comes_whole_or_not_at_all(name, last_turn):
    tokenizer = prepare(FAMILIES[name]())
    params = tiny.environment(chat_template=True, max_observation_tokens=300, max_trajectory_tokens=3000)
    renderer = Renderer(tokenizer, params)
    end = tokenizer.convert_tokens_to_ids(ENDS[name])
    whole = renderer.invalid_notice(3000, last_turn, end)
    assert whole is not None
    assert (LAST in tokenizer.decode(whole)) == last_turn
    assert renderer.invalid_notice(len(whole), last_turn, end) == whole
    assert renderer.invalid_notice(len(whole) - 1, last_turn, end) is None
