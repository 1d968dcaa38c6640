from dataclasses import fields

import pytest

from stepsearch_core.environment.prompts import STYLES, TEXTS, PromptStyle
from stepsearch_core.environment.protocols.registry import PROTOCOLS
from stepsearch_core.params import EnvironmentParams
from stepsearch_core.params.shared import PROMPTS, SEARCHING


def test_parameters_name_every_protocol_and_style():
    limits = {field.name: field.metadata.get("limit") for field in fields(EnvironmentParams)}
    assert limits["protocol"].wording == f"one of {', '.join(PROTOCOLS)}"
    assert tuple(STYLES) == PROMPTS
    assert tuple(name for name, protocol in PROTOCOLS.items() if protocol.searches) == SEARCHING
    texts = {field.name for field in fields(PromptStyle)} - {"grammar"}
    assert set(TEXTS) == texts


@pytest.mark.parametrize(
    ("protocol", "follow_ups"),
    [("agent", 5), ("direct", 0), ("chain_of_thought", 0), ("rag", 0), ("ircot", 4), ("search_o1", 5)],
)
def test_turns_that_another_may_follow_with_five_searches(protocol, follow_ups):
    assert PROTOCOLS[protocol].follow_ups(5) == follow_ups
    assert PROTOCOLS[protocol].follow_ups(0) == 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_a_protocol_says_are_texts_of_a_style_and_ask_the_question_once(name):
    protocol = PROTOCOLS[name]
    assert set(protocol.texts) <= set(TEXTS)
    for prompt in (protocol.texts.get("prompt"), protocol.refinement):
        assert prompt is None or prompt.format(question="Who {x}?").count("Who {x}?") == 1


def test_only_the_agent_s_turns_are_those_of_the_prompt_style():
    assert [name for name, protocol in PROTOCOLS.items() if protocol.read is None] == ["agent", "search_o1"]
