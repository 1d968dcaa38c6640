import json
import re
from collections import Counter

import pytest

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.types import Hop
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import EndpointParams, SynthesizeParams
from stepsearch_core.synthesis.key_model import LONGEST, Model, keys_form
from stepsearch_core.synthesis.search_keys import KeyKind, SearchKey
from stepsearch_core.synthesis.sub_questions import parse_sub_question
from stepsearch_core.synthesis.told import told
from tests.endpoints import Chat, completion

HOPS = [Hop("Dark River >> author", "Ann", ("p",)), Hop("Ann >> spouse", "Bob", ("q",))]
STEPS = [(hop, parse_sub_question(hop.sub_question)) for hop in HOPS]


def model(service, folder, **own):
    own = {"generator": "endpoint", "generator_model": "m", "candidates_per_hop": 3, **own}
    params = EndpointParams(url=service.url, attempts=1, concurrency=2)
    return Model(SynthesizeParams(**own), Endpoint(params, "m", folder))


def replying(*replies):
    """Replies by the question asked."""
    by_question = dict(zip(("Who wrote Dark River?", "Who was Ann married to?"), replies, strict=True))
    return lambda messages: by_question[json.loads(messages[1]["content"])["asked"]]


def texts(written):
    return [[key.text for key in keys] for keys in written]


def test_a_model_sees_the_question_and_neither_answer_nor_support(tmp_path):
    with Chat(replying('{"keys": ["author of Dark River"]}', '{"keys": ["Ann husband"]}')) as service:
        write = model(service, tmp_path)
        assert texts(write([*STEPS, STEPS[0]], Counter())) == [
            ["author of Dark River"],
            ["Ann husband"],
            ["author of Dark River"],
        ]
        assert write(STEPS, Counter())[0] == [SearchKey("author of Dark River", KeyKind.MODEL)]
    prompts, asked = zip(*sorted(service.chats), strict=True)
    assert set(prompts) == {told("keys", None)}
    assert [json.loads(text) for text in asked] == [  # each once: equal steps share a reply, which is kept
        {"asked": "Who was Ann married to?", "queries": 3},
        {"asked": "Who wrote Dark River?", "queries": 3},
    ]


def test_keys_that_are_none_are_dropped_and_counted(tmp_path):
    long = "x" * (LONGEST + 1)
    odd = json.dumps({"keys": ["a  b\n", "B A", "", "?!", long, "more than was asked for"]})
    failed = Counter[str]()
    with Chat(replying(odd, "Ann was married to Bob.")) as service:
        written = model(service, tmp_path, candidates_per_hop=5)(STEPS, failed)
    assert texts(written) == [["a b"], []]
    assert failed == {"empty key": 2, "key too long": 1, "key written twice": 1, "endpoint: malformed": 1}


def test_the_schema_asks_for_what_is_wanted_and_less_is_read_too():
    form = keys_form(3)
    schema = form.model_json_schema()["properties"]["keys"]
    assert (schema["minItems"], schema["maxItems"]) == (3, 3)
    assert re.fullmatch(schema["items"]["pattern"], "x" * 100)
    assert not re.fullmatch(schema["items"]["pattern"], "x" * 101)
    assert form.model_validate_json(json.dumps({"keys": ["x" * 999]})).keys == ["x" * 999]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (completion('{"keys": ["a', "length"), "2 x endpoint: cut_off"),
        ("It was Ann.", "2 x endpoint: malformed"),
        ('{"keys": ["", "?"]}', "4 x empty key"),
        (json.dumps({"keys": ["x" * 10_000]}), "2 x key too long"),
    ],
)
def test_only_where_nothing_can_be_used_does_the_work_end(tmp_path, reply, why):
    with Chat(replying(reply, reply)) as service, pytest.raises(ExplainedError) as caught:
        model(service, tmp_path)(STEPS, Counter())
    assert str(caught.value) == f"m wrote no search key that can be used: {why}"


def test_a_service_that_does_not_answer_is_not_asked_for_all(tmp_path):
    steps = [(HOPS[0], parse_sub_question(f"River {number} >> author")) for number in range(500)]
    with Chat(lambda messages: (503, {}, {"error": {"message": "loading"}})) as service:
        write = model(service, tmp_path)
        with pytest.raises(ExplainedError, match=r"keys: none of the first 8 was answered: .*503"):
            write(steps, Counter())
    assert len(service.chats) < 20


def test_what_was_answered_before_a_kill_is_not_asked_again(tmp_path):
    with Chat(replying('{"keys": ["a"]}', "prose")) as service:
        model(service, tmp_path)(STEPS, Counter())
    with Chat(replying("prose", '{"keys": ["b"]}')) as service:
        assert texts(model(service, tmp_path)(STEPS, Counter())) == [["a"], ["b"]]
    assert len(service.chats) == 1
