"""Episodes that arrive while others are played: the same trajectories, and no slot that stays taken."""

import threading
import time
from contextlib import contextmanager

import pytest

from stepsearch_core.base.types import ActionKind, StopReason
from stepsearch_core.environment.renderer import Renderer
from stepsearch_core.environment.search_environment import Episode
from stepsearch_core.params import RolloutParams
from stepsearch_core.rollout.loop import Rollout
from stepsearch_core.rollout.sources import Arrivals
from stepsearch_core.sampling.engine import EngineError
from stepsearch_core.sampling.scripted_engine import ScriptedEngine
from stepsearch_core.sampling.transformers_engine import TransformersEngine
from tests import tiny
from tests.stepsearch_core.rollout.troubles import Breaking, Gated

WORD = tiny.tokenizer()
RENDERER = Renderer(WORD, tiny.ENVIRONMENT)
SEARCH, ANSWER = "<search> ada born </search>", "<answer> oslo </answer>"


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return tiny.retriever(tmp_path_factory.mktemp("index"))


@contextmanager
def served(engine, retriever, slots=4):
    """A source that is played in a thread, and its entries that have ended."""
    ended = []
    source = Arrivals(100, ended.append)
    params = RolloutParams(batch_size=slots, retrieval_attempts=1)
    playing = threading.Thread(target=Rollout(engine, retriever, RENDERER, params).serve, args=(source,))
    playing.start()
    try:
        yield source, ended
    finally:
        source.close()
        playing.join(30)
    assert not playing.is_alive()
    assert source.playing == source.waiting == 0


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def episode(asked=tiny.ADA):
    return Episode(asked, 0, RENDERER)


@pytest.mark.slow
def test_arrivals_become_the_trajectories_of_a_list(retriever):
    engine = TransformersEngine(tiny.searcher(WORD, 40), WORD)
    questions = [tiny.ADA, tiny.BOB] * 5
    params = RolloutParams(batch_size=4)
    expected = Rollout(engine, retriever, RENDERER, params).sample(questions, 1, tiny.streams(1))
    episodes = [episode(asked) for asked in questions]
    with served(engine, retriever) as (source, ended):
        for number, one in enumerate(episodes):
            time.sleep(0.003 * (number % 3))
            source.put(one, tiny.streams(1)(number))
        until(lambda: len(ended) == len(episodes))
    assert [one.trajectory for one in episodes] == expected


def test_one_that_arrives_while_all_others_search_begins_at_once(retriever):
    gated = Gated(retriever)
    engine = ScriptedEngine(RENDERER, [[SEARCH, ANSWER], [ANSWER]])
    with served(engine, gated) as (source, ended):
        searching = source.put(episode())
        assert gated.asked.wait(30)
        source.put(episode())
        until(lambda: len(ended) == 1)
        assert not searching.episode.done
        gated.gate.set()
        until(lambda: len(ended) == 2)


def test_one_that_is_given_up_in_its_search_frees_its_slot_at_once_and_its_passages_reach_nobody(retriever):
    gated = Gated(retriever)
    engine = ScriptedEngine(RENDERER, [[SEARCH, ANSWER], [SEARCH, ANSWER]])
    with served(engine, gated, slots=1) as (source, ended):
        given_up = source.put(episode())
        assert gated.asked.wait(30)
        source.give_up(given_up)
        until(lambda: ended == [given_up])
        other = source.put(episode())  # in the same slot, while the first one's search goes on
        gated.gate.set()
        until(lambda: len(ended) == 2)
    lost, played = given_up.episode.trajectory, other.episode.trajectory
    assert lost.stop_reason is StopReason.GIVEN_UP
    assert [turn.passage_ids for turn in lost.turns] == [()]
    assert [turn.action.kind for turn in played.turns] == [ActionKind.SEARCH, ActionKind.ANSWER]
    assert len(played.turns[0].passage_ids) == 2


def test_one_that_is_given_up_in_a_turn_ends_with_it(retriever):
    entries = []

    def script():
        entries[0].given_up = True  # as it writes
        yield "nonsense"
        yield ANSWER

    engine = ScriptedEngine(RENDERER, [script()])
    with served(engine, retriever) as (source, ended):
        with source._arrived:  # it is not taken before the script knows it
            entries.append(source.put(episode()))
        until(lambda: ended)
    trajectory = entries[0].episode.trajectory
    assert (len(trajectory.turns), trajectory.stop_reason) == (1, StopReason.GIVEN_UP)


def test_an_engine_that_breaks_ends_those_with_a_slot_and_plays_those_that_come(retriever):
    engine = Breaking(ScriptedEngine(RENDERER, [[ANSWER]] * 3), passes={1})
    with served(engine, retriever) as (source, ended):
        source.put(episode())
        until(lambda: len(ended) == 1)
        source.put(episode())
        until(lambda: len(ended) == 2)
    assert [entry.episode.trajectory.stop_reason for entry in ended] == [
        StopReason.ENGINE_FAILED,
        StopReason.ANSWERED,
    ]


def test_an_engine_that_breaks_between_turns_leaves_nobody_waiting(retriever):
    engine = ScriptedEngine(RENDERER, [[ANSWER]] * 2)
    opens = engine.session

    def breaking(slots, capacity):
        session = opens(slots, capacity)

        def close(slot):
            raise EngineError("could not give up a turn")

        session.close = close
        return session

    engine.session = breaking
    with served(engine, retriever, slots=1) as (source, ended):
        entries = [source.put(episode()) for _ in range(2)]
        until(lambda: ended == entries)
    assert {entry.episode.trajectory.answer for entry in entries} == {"oslo"}


def test_the_end_gives_up_whoever_is_there(retriever):
    gated = Gated(retriever)
    engine = ScriptedEngine(RENDERER, [[SEARCH, ANSWER]])
    with served(engine, gated, slots=1) as (source, ended):
        entries = [source.put(episode()) for _ in range(2)]
        assert gated.asked.wait(30)
        source.close()
        until(lambda: len(ended) == 2)
        gated.gate.set()
    assert {entry.episode.trajectory.stop_reason for entry in entries} == {StopReason.GIVEN_UP}
