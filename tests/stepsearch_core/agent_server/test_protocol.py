from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stepsearch_core.agent_server.episodes import Asked
from stepsearch_core.agent_server.protocol import ONLY, ChatRequest, openai_error
from stepsearch_core.serving.refusals import RefusalError
from tests.stepsearch_core.agent_server.conftest import asking


def asked(**fields):
    return ChatRequest.model_validate({**asking("where"), **fields}).asked()


def test_a_question_is_answered_greedily_unless_something_else_is_asked_for():
    assert asked() == Asked("where", 0.0, None, None)
    assert asked(temperature=0.7, seed=3, max_tokens=9) == Asked("where", 0.7, 3, 9)
    assert asked(max_tokens=9, max_completion_tokens=7).most_written == 7
    assert asked(temperature=None, seed=None, max_tokens=None, stream=None, user="me") == asked()


def test_the_last_message_is_the_question_and_those_before_are_counted():
    said = [("system", "be brief"), ("user", "who"), ("assistant", "ada"), ("user", "  where  ")]
    request = ChatRequest.model_validate(
        {"model": "m", "messages": [{"role": role, "content": content} for role, content in said]}
    )
    assert (request.asked().question, request.unread) == ("where", 3)


def test_parts_of_text_are_lines():
    parts = [{"type": "text", "text": "who"}, {"type": "text", "text": "where"}]
    assert asked(messages=[{"role": "user", "content": parts}]).question == "who\nwhere"


@pytest.mark.parametrize(
    ("message", "word", "said"),
    [
        ({"role": "assistant", "content": "ada"}, "invalid_request", "of role 'assistant', not of the user"),
        ({"role": "user"}, "invalid_request", "empty"),
        ({"role": "user", "content": []}, "invalid_request", "empty"),
        ({"role": "user", "content": " \n"}, "invalid_request", "empty"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            "unsupported_content",
            "'image_url' cannot be read",
        ),
    ],
)
def test_a_message_that_is_no_question_is_refused(message, word, said):
    with pytest.raises(RefusalError, match=said) as refused:
        asked(messages=[message])
    assert (refused.value.status, refused.value.word, refused.value.field) == (400, word, "messages")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("top_p", 0.5),
        ("presence_penalty", 1),
        ("frequency_penalty", -1),
        ("logit_bias", {"1": 2}),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("stop", ["a"]),
        ("tools", [{}]),
        ("tool_choice", "required"),
        ("functions", [{}]),
        ("function_call", {"name": "a"}),
        ("response_format", {"type": "json_object"}),
        ("modalities", ["audio"]),
        ("audio", {"voice": "alloy"}),
        ("prediction", {"type": "content"}),
    ],
)
def test_what_is_not_done_here_is_refused_by_its_name(field, value):
    with pytest.raises(RefusalError, match=f"^{field}: not supported") as refused:
        asked(**{field: value})
    assert (refused.value.status, refused.value.field) == (400, field)


def test_values_that_ask_for_nothing_else_are_taken_and_unknown_fields_ignored():
    assert set(ONLY) == {
        field for field, allowed in ONLY.items() for value in (None, *allowed) if asked(**{field: value})
    }
    assert asked(nobody_knows_this=1) == asked()


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"seed": 2**63},
        {"seed": 1.5},
        {"messages": []},
        {"messages": [{"role": "user", "content": "where"}] * 2049},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"stream_options": "usage"},
    ],
)
def test_values_that_cannot_be_are_refused(fields):
    with pytest.raises(ValidationError):
        asked(**fields)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists),
    st.sampled_from(sorted(ONLY)),
)
def test_whatever_a_field_holds_it_is_taken_or_refused(value, field):
    with suppress(RefusalError):
        assert asked(**{field: value}) == asked()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (503, "server_error"),
    ],
)
def test_errors_have_openai_s_shape(status, kind):
    refusal = RefusalError(status, "word", "a sentence", field="model")
    error = {"message": "a sentence", "type": kind, "param": "model", "code": "word"}
    assert openai_error(refusal) == {"error": error}
