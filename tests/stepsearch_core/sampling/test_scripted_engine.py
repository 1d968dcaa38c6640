import pytest

from stepsearch_core.environment.actions import THINK
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.sampling.engine import TurnRequest
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from tests import tiny

WORD = tiny.tokenizer()
RENDERER = Renderer(WORD, tiny.ENVIRONMENT)


def turn(session, slot, limit=12):
    session.submit(slot, TurnRequest([5], limit))
    return session.advance()[slot]


def opened(*scripts):
    session = ScriptedEngine(RENDERER, scripts).session(len(scripts), 100)
    for slot in range(len(scripts)):
        session.open(slot, None)
    return session


def test_each_context_has_a_script_of_its_own():
    session = opened(["ada", "oslo"], ["bob lies"])
    assert session.advance() == {}
    assert turn(session, 1).text == "bob lies"
    session.submit(0, TurnRequest([5], 12))
    made = session.advance()
    assert (list(made), made[0].text, made[0].token_ids) == ([0], "ada", WORD.encode("ada"))
    assert turn(session, 0).text == "oslo"


def test_a_turn_is_written_as_it_stands_and_each_token_is_certain():
    text = "<think>  </think> <answer> nobody knows this word </answer>"
    made = turn(opened([text]), 0)
    assert made.text == text  # decoded, unknown words and the second blank would be lost
    assert made.log_probs == [0.0] * len(WORD.encode(text))


def test_a_turn_longer_than_its_limit_is_cut():
    made = turn(opened(["where was ada born"]), 0, limit=2)
    assert (made.text, made.token_ids, made.log_probs) == ("where was", WORD.encode("where was"), [0.0, 0.0])


def test_a_turn_of_exactly_its_limit_is_whole():
    assert turn(opened(["where was ada born"]), 0, limit=4).text == "where was ada born"


def test_a_turn_is_taken_from_its_script_when_it_is_due():
    said = []

    def script():
        for word in ("ada", "bob"):
            said.append(word)
            yield word

    session = opened(script())
    assert said == []
    turn(session, 0)
    assert said == ["ada"]


def test_a_script_that_ends_too_early_or_is_missing_is_a_mistake():
    session = opened(["ada"])
    turn(session, 0)
    with pytest.raises(ValueError, match="slot 0 has no script, or one that ended before its episode"):
        turn(session, 0)
    session.open(0, None)
    with pytest.raises(ValueError, match="slot 0 has no script"):
        turn(session, 0)


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_in_a_rollout_script_i_belongs_to_episode_i(slots, tmp_path):
    """Also where episodes of other lengths end before it begins."""
    scripts = [
        [THINK.search_turn("", "oslo"), THINK.answer_turn("", "norway")],
        [THINK.answer_turn("", "oslo")],
        [THINK.search_turn("", "ada"), THINK.search_turn("", "bob"), THINK.answer_turn("", "italy")],
        [THINK.answer_turn("", "rome")],
    ]
    engine = ScriptedEngine(RENDERER, scripts)
    rollout = Rollout(engine, tiny.retriever(tmp_path), RENDERER, RolloutParams(batch_size=slots))
    played = rollout.greedy([tiny.ADA, tiny.BOB] * 2)
    assert [[each.text for each in trajectory.turns] for trajectory in played] == scripts
