import json
from dataclasses import replace

from stepsearch_core.base.types import Hop, Question
from stepsearch_core.endpoint.endpoint import Endpoint
from stepsearch_core.params import EndpointParams, Params, SynthesizeParams
from stepsearch_core.synthesis.held_out import HeldOut
from stepsearch_core.synthesis.steps import by_rule, give_steps, rewarded
from tests.endpoints import Chat
from tests.stepsearch_core.synthesis.conftest import everything


def supports_alone(question):
    return replace(question, hops=tuple(Hop("", "", hop.support_ids) for hop in question.hops))


def test_steps_come_from_files_from_the_rule_and_from_the_model(world):
    two_hop = [question for question in world.questions if len(question.hops) == 2]
    given, by_facts, pair = two_hop[:3]
    by_facts = supports_alone(by_facts)
    bare = replace(pair, hops=())
    last = pair.hops[1]
    questions = [bare, given, by_facts, replace(bare, id="hopeless", answers=("x",))]
    steps = [
        {"question": pair.hops[0].sub_question, "answer": pair.hops[0].sub_answer},
        {"question": last.sub_question, "answer": pair.answers[0]},
    ]
    with Chat(lambda messages: json.dumps({"steps": steps})) as service:
        endpoint = Endpoint(EndpointParams(url=service.url, attempts=1), "m")

        def stepped(tested=(), **own):
            return give_steps(
                questions,
                world.corpus,
                Params(synthesize=SynthesizeParams(key_depth=20, **own)),
                retriever=world.retriever,
                show=everything,
                endpoint=endpoint,
                held_out=HeldOut(tested),
            )

        made, counts = stepped()
        assert counts == {"given": 1, "by rule": 1}
        assert service.chats == []
        assert [question.has_decomposition for question in made] == [False, True, True, False]
        assert made[1] == given
        made, counts = stepped(decompose=True)
        assert counts["by the model"] == {
            "asked": 2,
            "kept": 1,
            "of one step": 0,
            "dropped": {"the last answer is another": 1},
        }
        assert [question.id for question in made] == [question.id for question in questions]
        assert made[0].hops[0].support_ids == pair.hops[0].support_ids
        assert not made[3].hops
        _, counts = stepped(tested=[bare], decompose=True)
        assert counts["by the model"]["asked"] == 0  # nothing is told of the test
        made, counts = stepped(linked_pairs=3)
        assert counts["of linked passages"]["pairs"] == 3
        assert counts["of linked passages"]["dropped"] == {"endpoint: malformed": 3}
        assert len(made) == 4


def test_supports_that_are_not_there_are_no_ground_for_a_rule(world):
    question = supports_alone(next(q for q in world.questions if len(q.hops) == 2))
    (made,) = by_rule([question], world.corpus, world.corpus.get)
    assert made.has_decomposition
    assert by_rule([question], (), world.corpus.get) == [question]


def test_what_can_be_rewarded_stays():
    def asked(*hops):
        return Question("q", "qa", "train", "?", ("x",), hops)

    whole, alone, blank = Hop("a", "b", ("p", "r")), Hop("", "", ("p",)), Hop("a", "b")
    assert rewarded(asked(whole), "pr") == asked(whole)
    assert rewarded(asked(alone, whole), "pr") == asked(alone, Hop("", "", ("r",)))
    assert rewarded(asked(whole), "p") == asked()
    assert rewarded(asked(whole, blank), "pr") == asked()
    assert rewarded(asked(), "p") == asked()
