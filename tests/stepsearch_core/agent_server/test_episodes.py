import pytest

from stepsearch_core.agent_server.episodes import Asked, ServedEpisode
from stepsearch_core.base.types import ActionKind, InvalidReason, StopReason
from tests import tiny
from tests.stepsearch_core.agent_server.conftest import ANSWER, RENDERER, SEARCH


def episode(most_written=None):
    """An episode, and the turns that it has told."""
    told = []
    made = ServedEpisode(Asked("where", most_written=most_written), RENDERER, told.append, told.clear)
    return made, told


def act(made, text):
    """A turn of the policy; its tokens."""
    ids, log_probs, text = RENDERER.written(text, made.turn_tokens)
    made.act(ids, log_probs, text)
    return len(ids)


@pytest.mark.parametrize(
    ("temperature", "greedy"), [(0.0, True), (0.0009, True), (0.001, False), (2.0, False)]
)
def test_what_is_all_but_cold_is_greedy(temperature, greedy):
    assert Asked("where", temperature).greedy is greedy


def test_without_a_limit_the_environment_s_holds():
    made, told = episode()
    assert made.turn_tokens == tiny.ENVIRONMENT.max_turn_tokens
    act(made, SEARCH)
    made.observe(tiny.PASSAGES[:1])
    written = act(made, ANSWER)
    assert (made.trajectory.answer, len(told)) == ("oslo", 2)
    assert made.answer_tokens == written
    made.over()
    assert told == []


def test_a_turn_is_no_longer_than_what_is_left():
    made, told = episode(most_written=3)
    assert made.turn_tokens == 3
    assert act(made, SEARCH) == 3
    assert (made.done, made.trajectory.stop_reason) == (True, StopReason.LENGTH_LIMIT)
    assert len(told) == len(made.trajectory.turns) == 1
    assert made.answer_tokens == 0


def test_a_search_that_nobody_could_read_is_not_carried_out_and_told_as_no_search():
    length = len(RENDERER.written(SEARCH, 12)[0])
    made, told = episode(most_written=length)
    act(made, SEARCH)
    assert (made.done, made.trajectory.stop_reason) == (True, StopReason.LENGTH_LIMIT)
    assert (told[0].action, told[0].reason) == (ActionKind.INVALID, InvalidReason.LAST_TURN)
    assert (told[0].query, told[0].passages) == (None, ())
    assert made.trajectory.searches == []
    assert made.query is None


def test_what_is_left_after_a_turn_is_for_the_next():
    length = len(RENDERER.written(SEARCH, 12)[0])
    made, _ = episode(most_written=length + 2)
    act(made, SEARCH)
    made.observe(tiny.PASSAGES[:1])
    assert made.turn_tokens == 2
    act(made, ANSWER)
    assert made.trajectory.stop_reason is StopReason.LENGTH_LIMIT
