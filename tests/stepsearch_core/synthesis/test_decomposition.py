import json

import pytest

from stepsearch_core.base.errors import ExplainedError
from stepsearch_core.base.types import Hop, Passage, Question
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import EndpointParams, Params, SynthesizeParams
from stepsearch_core.synthesis.decomposition import Part, decompose, flaw
from tests.endpoints import Chat, completion
from tests.stepsearch_core.synthesis.conftest import Table, everything

RIVER = Passage("r", "Dark River", "Dark River is a novel by Ann Lee.")
ANN = Passage("a", "Ann Lee", "She married Bob Ray in Rome.")
OTHER = Passage("o", "Old Mill", "Old Mill is a song.")
SHELF = {passage.id: passage for passage in (RIVER, ANN, OTHER)}
FOUND = {"Who wrote Dark River?": ("o", "r"), "Who married Ann Lee?": ("a",)}
CHAIN = [
    {"question": "Who wrote Dark River?", "answer": "Ann Lee"},
    {"question": "Who married #1?", "answer": "bob ray."},
]


def asked(number, text="Who married the author of Dark River?"):
    return Question(f"q{number}", "qa", "train", text, ("Robert Ray", "Bob Ray"))


def run(reply, questions, found=FOUND, show=everything, **own):
    table = Table(found, SHELF.values())
    with Chat(reply) as service:
        params = Params(synthesize=SynthesizeParams(key_depth=2, **own))
        endpoint = Endpoint(EndpointParams(url=service.url, attempts=1), "m")
        kept, counts = decompose(
            questions, endpoint, params, retriever=table, passage=SHELF.__getitem__, show=show
        )
    return kept, counts, service.chats, table


def chain(*steps):
    return json.dumps({"steps": list(steps)})


def test_a_chain_that_holds_together_becomes_the_steps_of_its_question():
    (kept,), counts, chats, table = run(lambda messages: chain(*CHAIN), [asked(1)])
    assert kept.hops == (
        Hop("Who wrote Dark River?", "Ann Lee", ("r",)),  # found second, and it has the answer
        Hop("Who married Ann Lee?", "bob ray.", ("a",)),
    )
    assert (kept.id, kept.answers) == ("q1", ("Robert Ray", "Bob Ray"))
    assert counts == {"asked": 1, "kept": 1, "of one step": 0, "dropped": {}}
    [(told, text)] = chats
    assert "#1" in told
    assert json.loads(text) == {"question": asked(1).question, "answer": "Robert Ray"}
    assert table.asked == [(["Who wrote Dark River?", "Who married Ann Lee?"], 2)]


def test_one_step_is_a_chain_too():
    step = {"question": "Who wrote Dark River?", "answer": "Ann Lee"}
    question = Question("q", "qa", "train", "Who is Dark River's author?", ("Ann Lee",))
    (kept,), counts, *_ = run(lambda messages: chain(step), [question])
    assert counts["of one step"] == 1
    assert kept.hops == (Hop("Who wrote Dark River?", "Ann Lee", ("r",)),)


def test_what_does_not_hold_together_is_left_out_and_counted_and_the_rest_is_kept():
    replies = [
        chain(*CHAIN),
        chain({"question": "Who sang Old Mill?", "answer": "Ann Lee"}, CHAIN[1]),
        chain(CHAIN[0]),
        chain(CHAIN[0], {"question": "Whom did #3 marry?", "answer": "Bob Ray"}),
        chain(CHAIN[0], {"question": "Did #1 marry Bob Ray?", "answer": "Bob Ray"}),
        chain(*[CHAIN[0]] * 9, CHAIN[1]),
        "She wrote it.",
        chain(),
        chain({"question": "", "answer": "Bob Ray"}),
        completion('{"steps": [', "length"),
        (400, {}, {"error": {"message": "too long"}}),
        "彼女が書いた。",
    ]
    by_text = {f"Question {number}?": reply for number, reply in enumerate(replies)}
    questions = [asked(number, text) for number, text in enumerate(by_text)]
    kept, counts, *_ = run(
        lambda messages: by_text[json.loads(messages[1]["content"])["question"]], questions
    )
    assert [question.id for question in kept] == ["q0"]
    assert counts == {
        "asked": 12,
        "kept": 1,
        "of one step": 0,
        "dropped": {
            "a step gives its answer away": 1,
            "a step refers to none before it": 1,
            "endpoint: cut_off": 1,
            "endpoint: malformed": 4,
            "endpoint: refused": 1,
            "more steps than searches are allowed": 1,
            "the answer of a step stands in no passage found": 1,
            "the last answer is another": 1,
        },
    }


def test_a_passage_that_is_not_shown_is_no_support():
    kept, counts, *_ = run(
        lambda messages: chain(*CHAIN), [asked(1)], show=lambda found: [p.id for p in found if p.id != "r"]
    )
    assert kept == []
    assert counts["dropped"] == {"the answer of a step stands in no passage found": 1}


@pytest.mark.slow
def test_a_service_that_is_down_ends_the_work():
    questions = [asked(number, f"{number}?") for number in range(100)]
    with pytest.raises(ExplainedError, match="asking for steps: none of the first 64 was answered"):
        run(lambda messages: (500, {}, {}), questions)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([("Who wrote it?", "Ann Lee")], None),
        ([("Who wrote it?", "Ann")], "the last answer is another"),
        ([("Is it Ann Lee?", "ann lee")], "a step gives its answer away"),
        ([("Who is #1?", "Ann Lee")], "a step refers to none before it"),
        ([("Where?", "Rome"), ("Who of #1 is in #1?", "Ann Lee")], None),
        (
            [("Where?", "Rome"), ("And?", "x"), ("Who of #2?", "Ann Lee")],
            "more steps than searches are allowed",
        ),
    ],
)
def test_what_shows_in_a_chain_itself(steps, problem):
    chain = [Part(question=question, answer=answer) for question, answer in steps]
    assert flaw(chain, ["Ann Lee"], 2) == problem
